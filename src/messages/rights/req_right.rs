//! REQ_RIGHT: the ALL_RIGHTS row of one right.

use protocol::{Nack, RightCode};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::query::{self, Ack};
use crate::realm::Right;

/// The key of the right: CODE, ID or both. If both are sent but belong to different records, REPLY
/// is empty.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ReqRight {
    /// Code of the right.
    code: Option<RightCode>,
    /// Id of the right.
    id: Option<String>,
}

impl Message for ReqRight {
    const TYPE: &'static str = "REQ_RIGHT";
    const SUMMARY: &'static str = "Returns the row of one right in ALL_RIGHTS.";
    const ACK: &'static str = "REP_RIGHT";
    const NACK: &'static str = "REQ_RIGHT_NACK";
    const ACCESS: Access = Access::Session;
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        query::find_record::<Right>(context, self.code.as_ref(), self.id.as_deref())
    }
}
