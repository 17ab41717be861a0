//! REQ_RIGHT: a right, as ALL_RIGHTS shows it.

use protocol::{Nack, RightCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::Right;
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
        query::find_record::<Right>(context, self.code.as_ref(), self.id.as_deref())
    }
}
