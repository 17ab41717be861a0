//! EVENT_DISABLE_MFA_FOR_USER: a login does not ask for codes of the confirmed secret.

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
pub struct DisableMfaForUser {
    user_name: UserName,
}

impl Message for DisableMfaForUser {
    const TYPE: &'static str = "EVENT_DISABLE_MFA_FOR_USER";
    const ACK: &'static str = "EVENT_DISABLE_MFA_FOR_USER_ACK";
    const NACK: &'static str = "EVENT_DISABLE_MFA_FOR_USER_NACK";
    const ACCESS: Access = Access::RightOrSelf("MFA_DISABLE");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<NoDetails>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<NoDetails>, Nack> {
        let on = false;
        let command = Command::SetSecondFactor(context.actor()?, self.user_name, on);
        event::submit_record_event(context, command, event::no_details).await
    }
}
