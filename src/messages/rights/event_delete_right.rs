//! EVENT_DELETE_RIGHT: a right that nobody holds any more is gone.

use protocol::{Nack, RightCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::event_insert_right::Done;
use crate::messages::context::Call;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::{self, Ack};
use crate::realm::Command;
/// CODE is the key.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct DeleteRight {
    code: RightCode,
}

impl Message for DeleteRight {
    const TYPE: &'static str = "EVENT_DELETE_RIGHT";
    const ACK: &'static str = "EVENT_DELETE_RIGHT_ACK";
    const NACK: &'static str = "EVENT_DELETE_RIGHT_NACK";
    const ACCESS: Access = Access::Right("DELETE_RIGHT");
    const ENTITY: bool = true;
    type Ack = Ack<Done>;

    async fn serve(self, call: &Call) -> Result<Ack<Done>, Nack> {
        event::run(call, Command::DeleteRight(call.by()?, self.code), Done::of).await
    }
}
