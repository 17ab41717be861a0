//! EVENT_AMEND_USER_LOGIN_ATTEMPT: sets how many wrong passwords of a user count; below
//! the limit nobody is locked (S2, "retry").

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::NoDetails;
use crate::messages::record::event::{self, Ack};
use crate::realm::Command;
/// Whose.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct AmendUserLoginAttempt {
    user_name: UserName,
    /// How many wrong passwords count; 0 if absent.
    attempts: Option<u32>,
}

impl Message for AmendUserLoginAttempt {
    const TYPE: &'static str = "EVENT_AMEND_USER_LOGIN_ATTEMPT";
    const ACK: &'static str = "EVENT_AMEND_USER_LOGIN_ATTEMPT_ACK";
    const NACK: &'static str = "EVENT_AMEND_USER_LOGIN_ATTEMPT_NACK";
    const ACCESS: Access = Access::Right("RESET_ATTEMPTS");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<NoDetails>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<NoDetails>, Nack> {
        let attempts = self.attempts.unwrap_or_default();
        let command = Command::SetAttempts(context.actor()?, self.user_name, attempts);
        event::submit_record_event(context, command, event::no_details).await
    }
}
