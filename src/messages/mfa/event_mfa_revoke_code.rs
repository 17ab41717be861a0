//! EVENT_MFA_REVOKE_CODE: revokes an active code by its ID.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::NoDetails;
use crate::messages::record::event::{self, Ack};
use crate::realm::Command;

/// The active code to revoke.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct MfaRevokeCode {
    /// ID of the code in the data source MFA_ACTIVE_CODES. To revoke the code of another user, the
    /// right MFA_DISABLE is required.
    id: String,
}

impl Message for MfaRevokeCode {
    const TYPE: &'static str = "EVENT_MFA_REVOKE_CODE";
    const SUMMARY: &'static str =
        "Revokes an active code: a code that a user sends at login in place of a mailed code.";
    const ACK: &'static str = "EVENT_MFA_REVOKE_CODE_ACK";
    const NACK: &'static str = "EVENT_MFA_REVOKE_CODE_NACK";
    const ACCESS: Access = Access::RightOrSelf("MFA_DISABLE");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<NoDetails>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<NoDetails>, Nack> {
        let none = || {
            Nack::new(NackCode::InvalidParameter, "ID must be an ID that MFA_ACTIVE_CODES lists")
        };
        let no = self.id.parse().map_err(|_| none())?;
        let command = Command::RevokeCode(context.actor()?, no);
        event::submit_record_event(context, command, event::no_details).await
    }
}
