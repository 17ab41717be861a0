//! EVENT_DELETE_PROFILE: deletion of a profile (Genesis authentication, "Delete profile").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, ProfileAck, ProfileBody};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::realm::Command;

/// The profile to delete, with its memberships. The key is ID, NAME or both. If both are sent, they
/// must name the same profile. RECORD_VERSION is checked if sent; other fields are ignored.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DeleteProfile(ProfileBody);

impl Message for DeleteProfile {
    const TYPE: &'static str = "EVENT_DELETE_PROFILE";
    const SUMMARY: &'static str = "Deletes a profile and the memberships of its users.";
    const ACK: &'static str = "EVENT_DELETE_PROFILE_ACK";
    const NACK: &'static str = "EVENT_DELETE_PROFILE_NACK";
    const ACCESS: Access = Access::Right("DELETE_PROFILE");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<ProfileAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<ProfileAck>, Nack> {
        let spec = self.0.into_spec()?;
        body::submit(context, Command::DeleteProfile(context.actor()?, spec)).await
    }
}
