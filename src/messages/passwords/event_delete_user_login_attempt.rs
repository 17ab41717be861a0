//! EVENT_DELETE_USER_LOGIN_ATTEMPT: deletes the login attempts of a user, which unlocks the user.
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

/// The user whose login attempts are deleted.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct DeleteUserLoginAttempt {
    /// Name of the user. The event is refused with RECORD_NOT_FOUND if the data source
    /// USER_LOGIN_ATTEMPT has no row with this name.
    user_name: UserName,
    /// Column of USER_LOGIN_ATTEMPT. Ignored. Other columns are refused.
    #[serde(rename = "ATTEMPTS")]
    _attempts: Option<u32>,
}

impl Message for DeleteUserLoginAttempt {
    const TYPE: &'static str = "EVENT_DELETE_USER_LOGIN_ATTEMPT";
    const SUMMARY: &'static str = "Deletes the login attempts of a user, which unlocks the user.";
    const ACK: &'static str = "EVENT_DELETE_USER_LOGIN_ATTEMPT_ACK";
    const NACK: &'static str = "EVENT_DELETE_USER_LOGIN_ATTEMPT_NACK";
    const ACCESS: Access = Access::Right("RESET_ATTEMPTS");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<NoDetails>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<NoDetails>, Nack> {
        let attempts = 0;
        let command = Command::SetAttempts(context.actor()?, self.user_name, attempts);
        event::submit_record_event(context, command, event::no_details).await
    }
}
