//! REQ_PROFILE: the ALL_PROFILES row of one profile.

use protocol::{Nack, ProfileName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::Profile;

/// The key of the profile: NAME, ID or both. If both are sent but belong to different records,
/// REPLY is empty.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ReqProfile {
    /// Name of the profile.
    name: Option<ProfileName>,
    /// Id of the profile.
    id: Option<String>,
}

impl Message for ReqProfile {
    const TYPE: &'static str = "REQ_PROFILE";
    const SUMMARY: &'static str = "Returns the row of one profile in ALL_PROFILES.";
    const ACK: &'static str = "REP_PROFILE";
    const NACK: &'static str = "REQ_PROFILE_NACK";
    const ACCESS: Access = Access::Session;
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        query::find_record::<Profile>(context, self.name.as_ref(), self.id.as_deref())
    }
}
