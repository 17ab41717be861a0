//! REQ_PROFILE: a profile, as ALL_PROFILES shows it.

use protocol::{Nack, ProfileName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::Profile;
/// The key: NAME, ID or both.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ReqProfile {
    name: Option<ProfileName>,
    id: Option<String>,
}

impl Message for ReqProfile {
    const TYPE: &'static str = "REQ_PROFILE";
    const ACK: &'static str = "REP_PROFILE";
    const NACK: &'static str = "REQ_PROFILE_NACK";
    const ACCESS: Access = Access::Session;
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        query::find_record::<Profile>(context, self.name.as_ref(), self.id.as_deref())
    }
}
