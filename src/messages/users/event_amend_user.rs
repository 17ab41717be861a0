//! EVENT_AMEND_USER: changes to a user (Genesis authentication, "Amend user").

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::users::body::UserBody;
use crate::realm::{Amendment, Command, UserSpec, UserStatus};

/// The wanted state of a user. The key is USER_NAME, ID or both. If both are sent, they must name
/// the same user.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AmendUser(UserBody);

impl Message for AmendUser {
    const TYPE: &'static str = "EVENT_AMEND_USER";
    const SUMMARY: &'static str =
        "Changes the record, the direct rights and the profiles of a user.";
    const ACK: &'static str = "EVENT_AMEND_USER_ACK";
    const NACK: &'static str = "EVENT_AMEND_USER_NACK";
    const ACCESS: Access = Access::Right("AMEND_USER");
    const RECORD_EVENT: bool = true;
    const NULL_CLEARS: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let spec = self.0.into_spec()?;
        let reset_user = reset_by(context, &spec);
        let command = Command::AmendUser(context.actor()?, Amendment::Record, spec);
        match reset_user {
            Some(name) => body::submit_blank_reset(context, command, &name).await,
            None => body::submit(context, command).await,
        }
    }
}

/// Returns the user whose password the amendment removes so that any client can set a new one;
/// `None` if it does not.
fn reset_by(context: &MessageContext, spec: &UserSpec) -> Option<UserName> {
    let resets = spec.status == Some(UserStatus::PasswordReset);
    context.read(|realm| {
        let user = realm.find_user(spec).ok().filter(|_| resets && realm.policy().blank_reset)?;
        (user.status != UserStatus::PasswordReset).then(|| user.name.clone())
    })
}
