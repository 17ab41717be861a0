//! EVENT_AMEND_USER_LOGIN_ATTEMPT: sets how many wrong passwords of a user count; below
//! the limit nobody is locked (S2, "retry").

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::Nothing;
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
    type Ack = Ack<Nothing>;

    async fn serve(self, call: &MessageContext) -> Result<Ack<Nothing>, Nack> {
        let attempts = self.attempts.unwrap_or_default();
        let command = Command::SetAttempts(call.actor()?, self.user_name, attempts);
        event::submit_record_event(call, command, event::no_details).await
    }
}
