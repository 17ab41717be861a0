//! REQ_CONNECTOR_SETTINGS: the life times of tokens (S1, "Connectors settings").

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

/// The one row there is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    reply: [LifeTimes; 1],
}

impl Message for ReqConnectorSettings {
    const TYPE: &'static str = "REQ_CONNECTOR_SETTINGS";
    const ACK: &'static str = "REP_CONNECTOR_SETTINGS";
    const NACK: &'static str = "REQ_CONNECTOR_SETTINGS_NACK";
    const ACCESS: Access = Access::Right("CONNECTOR_SETTINGS");
    const READ: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        Ok(Ack { reply: [context.read(|realm| realm.effective_lifetimes().into())] })
    }
}
