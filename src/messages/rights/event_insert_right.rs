//! EVENT_INSERT_RIGHT: creation of a right, which can then be given to profiles and users.

use protocol::{Description, Nack, RightCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::check_new_name;
use crate::messages::record::event::{self, Ack};
use crate::realm::{Command, Outcome, RightSpec};

/// The new right.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct InsertRight {
    /// Id to assign, which must be unused. If absent, the gateway assigns one.
    id: Option<String>,
    /// Code of the right, which must be unused.
    code: RightCode,
    /// Description; empty by default.
    #[serde(default)]
    description: Description,
    /// Whether only holders of the right may grant it and change its holders, even if
    /// `security.guarded_rights` in the configuration does not contain it; false by default.
    #[serde(default)]
    guarded: bool,
}

/// The right that was inserted or deleted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct RightAck {
    /// Id of the right.
    id: String,
}

impl Message for InsertRight {
    const TYPE: &'static str = "EVENT_INSERT_RIGHT";
    const SUMMARY: &'static str = "Creates a right.";
    const ACK: &'static str = "EVENT_INSERT_RIGHT_ACK";
    const NACK: &'static str = "EVENT_INSERT_RIGHT_NACK";
    const ACCESS: Access = Access::Right("INSERT_RIGHT");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<RightAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<RightAck>, Nack> {
        check_new_name("CODE", self.code.as_str())?;
        let spec = RightSpec {
            id: self.id,
            code: self.code,
            description: self.description,
            guarded: self.guarded,
        };
        let command = Command::InsertRight(context.actor()?, spec);
        event::submit_record_event(context, command, RightAck::from_outcome).await
    }
}

impl RightAck {
    /// Returns the ack for the outcome of an insert or a delete; `None` for any other outcome.
    pub fn from_outcome(outcome: Outcome) -> Option<Self> {
        if let Outcome::Right { id } = outcome { Some(Self { id }) } else { None }
    }
}
