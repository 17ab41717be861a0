//! JSON_SCHEMA_REQUEST: the schemas of a message's DETAILS and of its answer.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meta_request;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::messages::record::WithDetails;
/// Of which message.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct JsonSchemaRequest {
    /// Its MESSAGE_TYPE.
    #[serde(rename = "FEATURE")]
    _feature: Option<String>,
}

/// DETAILS of the request, and the root of the reply.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Details {
    request: Value,
    reply: Value,
}

impl ImmediateMessage for JsonSchemaRequest {
    const TYPE: &'static str = "JSON_SCHEMA_REQUEST";
    const ACK: &'static str = "JSON_SCHEMA_REQUEST_ACK";
    const NACK: &'static str = "JSON_SCHEMA_REQUEST_NACK";
    const ACCESS: Access = Access::Session;
    const FIELDS: &'static [&'static str] = &["FEATURE"];
    type Ack = WithDetails<Details>;

    fn answer(context: &ImmediateContext<'_>) -> Result<WithDetails<Details>, Nack> {
        let feature = meta_request::feature(context)?;
        let unknown =
            || Nack::new(NackCode::JsonSchemaNotFound, "no message of yours is called so");
        let handler =
            context.permitted_handlers().find(|row| row.name == feature).ok_or_else(unknown)?;
        let (request, reply) = (handler.schemas)();
        Ok(WithDetails {
            details: Details { request: request.to_value(), reply: reply.to_value() },
        })
    }
}
