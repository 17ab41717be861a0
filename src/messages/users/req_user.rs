//! REQ_USER: the ALL_USERS row of one user.

use protocol::{Nack, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::User;

/// The key of the user: USER_NAME, ID or both. If both are sent but belong to different records,
/// REPLY is empty.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ReqUser {
    /// Name of the user.
    user_name: Option<UserName>,
    /// Id of the user.
    id: Option<String>,
}

impl Message for ReqUser {
    const TYPE: &'static str = "REQ_USER";
    const SUMMARY: &'static str = "Returns the row of one user in ALL_USERS.";
    const ACK: &'static str = "REP_USER";
    const NACK: &'static str = "REQ_USER_NACK";
    const ACCESS: Access = Access::Session;
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        query::find_record::<User>(context, self.user_name.as_ref(), self.id.as_deref())
    }
}
