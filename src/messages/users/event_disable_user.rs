//! EVENT_DISABLE_USER: disabling of a user. The user's sessions end; the record is kept.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::realm::{Amendment, Command, UserSpec};

/// The user to disable.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct DisableUser {
    /// Name of the user.
    user_name: UserName,
}

impl Message for DisableUser {
    const TYPE: &'static str = "EVENT_DISABLE_USER";
    const SUMMARY: &'static str = "Disables a user and ends their sessions; the record stays.";
    const ACK: &'static str = "EVENT_DISABLE_USER_ACK";
    const NACK: &'static str = "EVENT_DISABLE_USER_NACK";
    const ACCESS: Access = Access::Right("DISABLE_USER");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let spec = UserSpec { name: Some(self.user_name), ..UserSpec::default() };
        body::submit(context, Command::AmendUser(context.actor()?, Amendment::Disable, spec)).await
    }
}
