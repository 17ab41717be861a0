//! EVENT_EXPIRE_USER_PASSWORD: the password must be changed at the next login; sessions and rights
//! go on.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::Call;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::users::{Done, body};
use crate::realm::Command;
/// Whose; one's own if absent.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ExpireUserPassword {
    user_name: Option<UserName>,
}

impl Message for ExpireUserPassword {
    const TYPE: &'static str = "EVENT_EXPIRE_USER_PASSWORD";
    const ACK: &'static str = "EVENT_EXPIRE_USER_PASSWORD_ACK";
    const NACK: &'static str = "EVENT_EXPIRE_USER_PASSWORD_NACK";
    const ACCESS: Access = Access::RightOrSelf("EXPIRE_PWD");
    const ENTITY: bool = true;
    type Ack = Ack<Done>;

    async fn serve(self, call: &Call) -> Result<Ack<Done>, Nack> {
        let own = call.session()?.user_name.clone();
        let name = self.user_name.unwrap_or(own);
        body::run(call, Command::ExpirePassword(call.by()?, name)).await
    }
}
