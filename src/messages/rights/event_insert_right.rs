//! EVENT_INSERT_RIGHT: a right that profiles and users can be given from now on.

use protocol::{Description, Nack, RightCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::{self, Ack};
use crate::realm::{Command, Outcome, RightSpec};
/// CODE is the key; an ID may be chosen if it is free.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct InsertRight {
    id: Option<String>,
    code: RightCode,
    #[serde(default)]
    description: Description,
}

/// The id of the right.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct RightAck {
    id: String,
}

impl Message for InsertRight {
    const TYPE: &'static str = "EVENT_INSERT_RIGHT";
    const ACK: &'static str = "EVENT_INSERT_RIGHT_ACK";
    const NACK: &'static str = "EVENT_INSERT_RIGHT_NACK";
    const ACCESS: Access = Access::Right("INSERT_RIGHT");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<RightAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<RightAck>, Nack> {
        let spec = RightSpec { id: self.id, code: self.code, description: self.description };
        let command = Command::InsertRight(context.actor()?, spec);
        event::submit_record_event(context, command, RightAck::from_outcome).await
    }
}

impl RightAck {
    /// What became of a right.
    pub fn from_outcome(outcome: Outcome) -> Option<Self> {
        if let Outcome::Right { id } = outcome { Some(Self { id }) } else { None }
    }
}
