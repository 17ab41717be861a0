//! EVENT_AMEND_RIGHT: changes to the description of a right, and to whether it is guarded.

use protocol::{Description, Nack, RightCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::event_insert_right::RightAck;
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};
use crate::messages::record::event::{self, Ack};
use crate::realm::{Command, RightAmendment};

/// The wanted state of a right. An absent field stays unchanged.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct AmendRight {
    /// Code of the right.
    code: RightCode,
    /// Description.
    description: Option<Description>,
    /// Whether only holders of the right may grant it and change its holders, even if
    /// `security.guarded_rights` in the configuration does not contain it. Only a user who holds
    /// the right or all administration rights may change this.
    guarded: Option<bool>,
}

impl Message for AmendRight {
    const TYPE: &'static str = "EVENT_AMEND_RIGHT";
    const SUMMARY: &'static str = "Changes the description of a right, and whether it is guarded.";
    const ACK: &'static str = "EVENT_AMEND_RIGHT_ACK";
    const NACK: &'static str = "EVENT_AMEND_RIGHT_NACK";
    const ACCESS: Access = Access::Right("AMEND_RIGHT");
    const RECORD_EVENT: bool = true;
    type Ack = Ack<RightAck>;

    async fn serve(self, context: &MessageContext) -> Result<Ack<RightAck>, Nack> {
        let Self { code, description, guarded } = self;
        let spec = RightAmendment { code, description, guarded };
        let command = Command::AmendRight(context.actor()?, spec);
        event::submit_record_event(context, command, RightAck::from_outcome).await
    }
}
