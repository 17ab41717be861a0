//! EVENT_EXPIRE_USER_PASSWORD: requires a new password at the next login.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::users::{UserAck, body};
use crate::realm::Command;

/// The user who must change the password at the next login. Sessions and rights are kept. A user
/// who is DISABLED or PASSWORD_RESET keeps this status.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ExpireUserPassword {
    /// Name of the user. Default: the user of the session. For another user, the right EXPIRE_PWD
    /// is required.
    user_name: Option<UserName>,
}

impl Message for ExpireUserPassword {
    const TYPE: &'static str = "EVENT_EXPIRE_USER_PASSWORD";
    const SUMMARY: &'static str = "Requires a user to change the password at the next login.";
    const ACK: &'static str = "EVENT_EXPIRE_USER_PASSWORD_ACK";
    const NACK: &'static str = "EVENT_EXPIRE_USER_PASSWORD_NACK";
    const ACCESS: Access = Access::RightOrSelf("EXPIRE_PWD");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let own = context.session()?.user_name.clone();
        let name = self.user_name.unwrap_or(own);
        body::submit(context, Command::ExpirePassword(context.actor()?, name)).await
    }
}
