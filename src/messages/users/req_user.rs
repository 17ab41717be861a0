//! REQ_USER: a user, as ALL_USERS shows it.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::{Realm, UserNo};
use crate::subscriptions::DataSource;
/// The key: USER_NAME, ID or both.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ReqUser {
    user_name: Option<UserName>,
    id: Option<String>,
}

impl Message for ReqUser {
    const TYPE: &'static str = "REQ_USER";
    const ACK: &'static str = "REP_USER";
    const NACK: &'static str = "REQ_USER_NACK";
    const ACCESS: Access = Access::Session;
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        let by_name = self.user_name.as_ref().map(|name| {
            |realm: &Realm| realm.user_by_name(name).map(|it| (u64::from(it.no.0), it.id()))
        });
        let by_id = |realm: &Realm, id: &str| {
            let (no, _) = UserNo::parse(id)?;
            realm.user(no).map(|it| (u64::from(no.0), it.id()))
        };
        query::find_record(context, DataSource::AllUsers, self.id.as_deref(), by_name, by_id)
    }
}
