//! EVENT_USER_PROFILE_AMEND: replacement of all profiles of a user; nothing else changes.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, UserAck};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::messages::record::{ProfileRef, reference};
use crate::realm::{Amendment, Command, UserSpec};

/// The user and the wanted profiles.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct UserProfileAmend {
    /// Name of the user.
    user_name: UserName,
    /// All profiles of the user. Profiles that are not listed are removed from the user.
    user_profiles: Vec<ProfileRef>,
}

impl Message for UserProfileAmend {
    const TYPE: &'static str = "EVENT_USER_PROFILE_AMEND";
    const SUMMARY: &'static str = "Replaces the profiles of a user.";
    const ACK: &'static str = "EVENT_USER_PROFILE_AMEND_ACK";
    const NACK: &'static str = "EVENT_USER_PROFILE_AMEND_NACK";
    const ACCESS: Access = Access::Right("USER_PROFILE_AMEND");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<UserAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<UserAck>, Nack> {
        let spec = UserSpec {
            name: Some(self.user_name),
            profiles: reference::into_refs(Some(self.user_profiles)),
            ..UserSpec::default()
        };
        body::submit(context, Command::AmendUser(context.actor()?, Amendment::Profiles, spec)).await
    }
}
