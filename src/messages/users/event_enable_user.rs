//! EVENT_ENABLE_USER: a disabled user may log in again, with the rights that were his.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::realm::{Amendment, Command, UserSpec};
/// Whom.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct EnableUser {
    user_name: UserName,
}

impl Message for EnableUser {
    const TYPE: &'static str = "EVENT_ENABLE_USER";
    const ACK: &'static str = "EVENT_ENABLE_USER_ACK";
    const NACK: &'static str = "EVENT_ENABLE_USER_NACK";
    const ACCESS: Access = Access::Right("ENABLE_USER");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let spec = UserSpec { name: Some(self.user_name), ..UserSpec::default() };
        body::submit(context, Command::AmendUser(context.actor()?, Amendment::Enable, spec)).await
    }
}
