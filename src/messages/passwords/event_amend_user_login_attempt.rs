//! EVENT_AMEND_USER_LOGIN_ATTEMPT: sets the number of wrong passwords of a user.
//!
//! See Genesis authentication, "retry".

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::NoDetails;
use crate::messages::record::event::{self, Ack};
use crate::realm::Command;

/// The user, and the number of wrong passwords to set. If the number is below
/// `security.genesis_password.retry.max_attempts`, the user is unlocked. Otherwise the user is
/// locked, and the lock time begins with this event.
/// With `security.genesis_password.retry.scope = "user_and_address"`, the number is set for each
/// address or network from which wrong passwords are counted.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct AmendUserLoginAttempt {
    /// Name of the user. The event is refused with RECORD_NOT_FOUND if the data source
    /// USER_LOGIN_ATTEMPT has no row with this name.
    user_name: UserName,
    /// Number of wrong passwords; 0 if absent. 0 deletes the login attempts of the user.
    attempts: Option<u32>,
}

impl Message for AmendUserLoginAttempt {
    const TYPE: &'static str = "EVENT_AMEND_USER_LOGIN_ATTEMPT";
    const SUMMARY: &'static str = "Sets the number of wrong passwords of a user.";
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
