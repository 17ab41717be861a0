//! JSON_SCHEMA_REQUEST: the JSON Schemas of a message and of its reply.

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meta_request;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::messages::record::WithDetails;

/// The message whose schemas are requested.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct JsonSchemaRequest {
    /// MESSAGE_TYPE of a message that the user may send. Required.
    #[serde(rename = "FEATURE")]
    _feature: Option<String>,
}

/// The JSON Schemas of a message and of its reply.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Details {
    /// JSON Schema of DETAILS of the message.
    request: Value,
    /// JSON Schema of the root of the ACK, without MESSAGE_TYPE and SOURCE_REF.
    reply: Value,
}

impl ImmediateMessage for JsonSchemaRequest {
    const TYPE: &'static str = "JSON_SCHEMA_REQUEST";
    const SUMMARY: &'static str = "Returns the JSON Schemas of a message and of its reply.";
    const ACK: &'static str = "JSON_SCHEMA_REQUEST_ACK";
    const NACK: &'static str = "JSON_SCHEMA_REQUEST_NACK";
    const ACCESS: Access = Access::Session;
    const FIELDS: &'static [&'static str] = &["FEATURE"];
    type Ack = WithDetails<Details>;

    fn answer(context: &ImmediateContext<'_>) -> Result<WithDetails<Details>, Nack> {
        let feature = meta_request::feature(context)?;
        let unknown = || {
            let text = "FEATURE names no message that this session may send; see RESOURCES_REQUEST";
            Nack::new(NackCode::JsonSchemaNotFound, text)
        };
        let handler =
            context.permitted_handlers().find(|it| it.name == feature).ok_or_else(unknown)?;
        let (request, reply) = (handler.schemas)();
        Ok(WithDetails {
            details: Details { request: request.to_value(), reply: reply.to_value() },
        })
    }
}
