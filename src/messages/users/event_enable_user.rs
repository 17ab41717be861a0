//! EVENT_ENABLE_USER: enabling of a disabled user, whose rights and profiles were kept.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::realm::{Amendment, Command, UserSpec};

/// The user to enable.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct EnableUser {
    /// Name of the user. The event has no effect on a user who is not DISABLED.
    user_name: UserName,
}

impl Message for EnableUser {
    const TYPE: &'static str = "EVENT_ENABLE_USER";
    const SUMMARY: &'static str =
        "Enables a disabled user, whose rights and profiles were kept and take effect again.";
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
