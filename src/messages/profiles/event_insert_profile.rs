//! EVENT_INSERT_PROFILE: creation of a profile (Genesis authentication, "Insert profile").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Deserialize;

use super::body::{self, ProfileAck, ProfileBody};
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::Ack;
use crate::realm::Command;

/// The new profile. Only NAME is required.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct InsertProfile(ProfileBody);

impl Message for InsertProfile {
    const TYPE: &'static str = "EVENT_INSERT_PROFILE";
    const SUMMARY: &'static str = "Creates a profile, with its rights and users.";
    const ACK: &'static str = "EVENT_INSERT_PROFILE_ACK";
    const NACK: &'static str = "EVENT_INSERT_PROFILE_NACK";
    const ACCESS: Access = Access::Right("INSERT_PROFILE");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<ProfileAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<ProfileAck>, Nack> {
        let spec = self.0.into_new_spec()?;
        body::submit(context, Command::InsertProfile(context.actor()?, spec)).await
    }
}
