//! DATA_LOGOFF: the end of a subscription. After LOGOFF_ACK, nothing is sent for the subscription.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::handler::{Access, Message};

/// No fields: SOURCE_REF at the root names the subscription.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataLogoff {}

/// The subscription has ended.
#[derive(Serialize, JsonSchema)]
pub struct Ack {}

impl Message for DataLogoff {
    const TYPE: &'static str = "DATA_LOGOFF";
    const SUMMARY: &'static str = "Ends a subscription.";
    const DESCRIPTION: &'static str = "After LOGOFF_ACK, nothing is sent for the subscription.";
    const ACK: &'static str = "LOGOFF_ACK";
    const NACK: &'static str = "LOGOFF_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        let none = || Nack::new(NackCode::InvalidDatasource, "no subscription has this SOURCE_REF");
        let source_ref = context.envelope.source_ref().ok_or_else(none)?;
        if context.gateway.replica.subscriptions.cancel(context.outbox()?, source_ref) {
            Ok(Ack {})
        } else {
            Err(none())
        }
    }
}
