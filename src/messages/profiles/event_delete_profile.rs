//! EVENT_DELETE_PROFILE: a profile and its memberships (S2, "Delete profile").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, ProfileAck, ProfileBody};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::realm::Command;
/// The key is ID or NAME.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DeleteProfile(ProfileBody);

impl Message for DeleteProfile {
    const TYPE: &'static str = "EVENT_DELETE_PROFILE";
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
