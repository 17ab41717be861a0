//! EVENT_MFA_REVOKE_CODE: revokes one active code, or all active codes of a user.

use protocol::{Nack, NackCode, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::NoDetails;
use crate::messages::record::event::{self, Ack};
use crate::realm::Command;

/// The active code to revoke, or the user whose active codes are all revoked: send either ID, or
/// USER_NAME and ALL.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct MfaRevokeCode {
    /// ID of the code in the data source MFA_ACTIVE_CODES. To revoke the code of another user, the
    /// right MFA_DISABLE is required.
    id: Option<String>,
    /// Name of the user whose codes are revoked. The right MFA_DISABLE is required if this is not
    /// the user of the session.
    user_name: Option<UserName>,
    /// Must be true with USER_NAME.
    #[serde(default)]
    all: bool,
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
        let actor = context.actor()?;
        let command = match (self.id, self.user_name, self.all) {
            (Some(id), None, false) => Command::RevokeCode(actor, id.parse().map_err(|_| none())?),
            (None, Some(name), true) => Command::RevokeCodesOf(actor, name),
            _ => {
                let text = "send either ID, or USER_NAME with ALL true";
                return Err(Nack::new(NackCode::InvalidParameter, text));
            }
        };
        event::submit_record_event(context, command, event::no_details).await
    }
}
