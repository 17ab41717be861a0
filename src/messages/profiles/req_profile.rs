//! REQ_PROFILE: a profile, as ALL_PROFILES shows it.

use protocol::{Nack, ProfileName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::{ProfileNo, Realm};
use crate::subscriptions::DataSource;
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
        let by_name = self.name.as_ref().map(|name| {
            |realm: &Realm| realm.profile_by_name(name).map(|it| (u64::from(it.no.0), it.id()))
        });
        let by_id = |realm: &Realm, id: &str| {
            let (no, _) = ProfileNo::parse(id)?;
            realm.profile(no).map(|it| (u64::from(no.0), it.id()))
        };
        query::find_record(context, DataSource::AllProfiles, self.id.as_deref(), by_name, by_id)
    }
}
