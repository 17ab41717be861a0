//! EVENT_AMEND_PROFILE: changes to a profile (Genesis authentication, "Amend profile").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, ProfileAck, ProfileBody};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::realm::Command;

/// The wanted state of a profile. If ID is sent, it is the key, and NAME is the new name. Without
/// ID, NAME is the key.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AmendProfile(ProfileBody);

impl Message for AmendProfile {
    const TYPE: &'static str = "EVENT_AMEND_PROFILE";
    const SUMMARY: &'static str = "Changes a profile, its rights and its users.";
    const ACK: &'static str = "EVENT_AMEND_PROFILE_ACK";
    const NACK: &'static str = "EVENT_AMEND_PROFILE_NACK";
    const ACCESS: Access = Access::Right("AMEND_PROFILE");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<ProfileAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<ProfileAck>, Nack> {
        let spec = self.0.into_spec()?;
        body::submit(context, Command::AmendProfile(context.actor()?, spec)).await
    }
}
