//! REQ_CONNECTOR_SETTINGS: returns the lifetimes of new tokens.
//!
//! See TraderEvolution BO API, "Connectors settings".

use protocol::Nack;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::routes::LifeTimes;
use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};

/// No fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReqConnectorSettings {}

/// The lifetimes of new tokens.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    /// Always one row.
    reply: [LifeTimes; 1],
}

impl Message for ReqConnectorSettings {
    const TYPE: &'static str = "REQ_CONNECTOR_SETTINGS";
    const SUMMARY: &'static str = "Returns the lifetimes of new tokens.";
    const ACK: &'static str = "REP_CONNECTOR_SETTINGS";
    const NACK: &'static str = "REQ_CONNECTOR_SETTINGS_NACK";
    const ACCESS: Access = Access::Right("CONNECTOR_SETTINGS");
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        Ok(Ack { reply: [context.read(|realm| realm.effective_lifetimes().into())] })
    }
}
