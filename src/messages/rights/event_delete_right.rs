//! EVENT_DELETE_RIGHT: deletion of a right that no user or profile has.

use protocol::{Nack, RightCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::event_insert_right::RightAck;
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::{self, Ack};
use crate::realm::Command;

/// The right to delete.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct DeleteRight {
    /// Code of the right. The event is refused if a user or profile has the right.
    code: RightCode,
}

impl Message for DeleteRight {
    const TYPE: &'static str = "EVENT_DELETE_RIGHT";
    const SUMMARY: &'static str = "Deletes a right that no user or profile has.";
    const ACK: &'static str = "EVENT_DELETE_RIGHT_ACK";
    const NACK: &'static str = "EVENT_DELETE_RIGHT_NACK";
    const ACCESS: Access = Access::Right("DELETE_RIGHT");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<RightAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<RightAck>, Nack> {
        event::submit_record_event(
            context,
            Command::DeleteRight(context.actor()?, self.code),
            RightAck::from_outcome,
        )
        .await
    }
}
