//! MORE_ROWS: the next rows of a subscription.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::read_rows;
use crate::messages::context::{AfterReply, MessageContext};
use crate::messages::handler::{Access, Message};
use crate::subscriptions::DataSource;

/// The subscription whose next rows are requested.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct MoreRows {
    /// SOURCE_REF of the subscription. If absent, SOURCE_REF at the root names the subscription,
    /// and no MORE_ROWS_ACK is sent: the rows are the only reply.
    source_ref: Option<Value>,
}

/// Sent after the first QUERY_UPDATE with the rows, if DETAILS has SOURCE_REF.
#[derive(Serialize, JsonSchema)]
pub struct Ack {}

impl Message for MoreRows {
    const TYPE: &'static str = "MORE_ROWS";
    const SUMMARY: &'static str = "Requests the next rows of a subscription.";
    const DESCRIPTION: &'static str = "The rows are sent with the SOURCE_REF of the \
        subscription, in one QUERY_UPDATE or, if they are many or large, in several. The \
        second and later QUERY_UPDATEs may be sent after MORE_ROWS_ACK.";
    const ACK: &'static str = "MORE_ROWS_ACK";
    const NACK: &'static str = "MORE_ROWS_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        let named = self.source_ref.map(|value| value.to_string());
        let is_unacknowledged = named.is_none();
        let none = || Nack::new(NackCode::InvalidDatasource, "no subscription has this SOURCE_REF");
        let source_ref =
            named.or_else(|| context.envelope.source_ref().map(str::to_owned)).ok_or_else(none)?;
        let hub = &context.gateway.replica.subscriptions;
        let handle = hub.find(context.outbox()?, &source_ref).ok_or_else(none)?;
        let wanted = handle.rows_max();
        match handle.source() {
            // DATA_LOGON has already read all rows.
            DataSource::Services => {}
            DataSource::AuditEvents => {
                let position = handle.audit_position();
                read_rows::read_audit_rows(context, handle, position, wanted).await?;
            }
            _ => {
                read_rows::read_realm_rows(context, handle, wanted).await;
            }
        }
        handle.request_update();
        if is_unacknowledged {
            context.set_after_reply(AfterReply::NoReply);
        }
        Ok(Ack {})
    }
}
