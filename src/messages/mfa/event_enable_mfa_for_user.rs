//! EVENT_ENABLE_MFA_FOR_USER: reactivation of a user's confirmed second factor.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::NoDetails;
use crate::messages::record::event::{self, Ack};
use crate::realm::Command;

/// The user whose logins require codes of the authenticator app again. The event is refused with
/// RECORD_NOT_FOUND if the user has confirmed no secret.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct EnableMfaForUser {
    /// Name of the user. The right MFA_ENABLE is required if this is not the user of the session.
    user_name: UserName,
}

impl Message for EnableMfaForUser {
    const TYPE: &'static str = "EVENT_ENABLE_MFA_FOR_USER";
    const SUMMARY: &'static str =
        "Makes logins of a user require the confirmed second factor again.";
    const ACK: &'static str = "EVENT_ENABLE_MFA_FOR_USER_ACK";
    const NACK: &'static str = "EVENT_ENABLE_MFA_FOR_USER_NACK";
    const ACCESS: Access = Access::RightOrSelf("MFA_ENABLE");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<NoDetails>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<NoDetails>, Nack> {
        let on = true;
        let command = Command::SetSecondFactor(context.actor()?, self.user_name, on);
        event::submit_record_event(context, command, event::no_details).await
    }
}
