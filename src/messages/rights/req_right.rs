//! REQ_RIGHT: a right, as ALL_RIGHTS shows it.

use protocol::{Nack, RightCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::{Realm, RightNo};
use crate::subscriptions::DataSource;
/// The key: CODE, ID or both.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ReqRight {
    code: Option<RightCode>,
    id: Option<String>,
}

impl Message for ReqRight {
    const TYPE: &'static str = "REQ_RIGHT";
    const ACK: &'static str = "REP_RIGHT";
    const NACK: &'static str = "REQ_RIGHT_NACK";
    const ACCESS: Access = Access::Session;
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        let by_name = self.code.as_ref().map(|name| {
            |realm: &Realm| {
                realm
                    .right_by_code(name.as_str())
                    .map(|it| (u64::from(it.no.0), it.no.id(it.location)))
            }
        });
        let by_id = |realm: &Realm, id: &str| {
            let (no, _) = RightNo::parse(id)?;
            realm.right(no).map(|it| (u64::from(no.0), it.no.id(it.location)))
        };
        query::find_record(context, DataSource::AllRights, self.id.as_deref(), by_name, by_id)
    }
}
