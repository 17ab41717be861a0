//! META_REQUEST: the fields of a resource (Genesis REST API, "METADATA").

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{Field, ResourceType};
use crate::messages::details;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::messages::record::WithDetails;
use crate::subscriptions::DataSource;

/// The resource whose fields are requested.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct MetaRequest {
    /// RESOURCE_NAME of a resource that RESOURCES_REQUEST lists. Required.
    feature: Option<String>,
}

/// The fields of a resource.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// EVENT_HANDLER: a message EVENT_…; REQUESTSERVER: a message REQ_…; DATASERVER: a data source.
    r#type: ResourceType,
    /// Name of the resource.
    name: &'static str,
    /// Fields of DETAILS of a message EVENT_…, or columns of a data source; absent if TYPE is
    /// REQUESTSERVER.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Vec<Field>>,
    /// Fields of DETAILS of a message REQ_…; only if TYPE is REQUESTSERVER.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_field: Option<Vec<Field>>,
    /// Fields of the reply to a message REQ_…; only if TYPE is REQUESTSERVER.
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_field: Option<Vec<Field>>,
}

/// Returns the field FEATURE of DETAILS, which is required.
pub(super) fn feature(context: &ImmediateContext<'_>) -> Result<String, Nack> {
    let read: MetaRequest = details::decode(context.envelope.details.map(|it| it.get()), false)?;
    let missing =
        || Nack::new(NackCode::FeatureNotProvided, "FEATURE is missing or empty in DETAILS");
    read.feature.filter(|it| !it.is_empty()).ok_or_else(missing)
}

impl ImmediateMessage for MetaRequest {
    const TYPE: &'static str = "META_REQUEST";
    const SUMMARY: &'static str =
        "Returns the fields of a message EVENT_… or REQ_…, or the columns of a data source.";
    const ACK: &'static str = "META_ACK";
    const NACK: &'static str = "META_NACK";
    const ACCESS: Access = Access::Session;
    const FIELDS: &'static [&'static str] = &["FEATURE"];
    type Ack = WithDetails<Details>;

    fn answer(context: &ImmediateContext<'_>) -> Result<WithDetails<Details>, Nack> {
        let feature = feature(context)?;
        let source = DataSource::NAMES.iter().find(|(name, _)| *name == feature);
        if let Some((name, source)) = source {
            let field = Some(Field::from_source(*source));
            let r#type = ResourceType::DataServer;
            let (request_field, reply_field) = (None, None);
            return Ok(WithDetails {
                details: Details { r#type, name, field, request_field, reply_field },
            });
        }
        let unknown = || {
            let text = "FEATURE names no resource that this session may use; see RESOURCES_REQUEST";
            Nack::new(NackCode::FeatureNotFound, text)
        };
        let handler =
            context.permitted_handlers().find(|it| it.name == feature).ok_or_else(unknown)?;
        let r#type = ResourceType::from_handler(handler).ok_or_else(unknown)?;
        let (details, ack) = (handler.schemas)();
        let fields = Field::from_schema(details.as_value());
        let details = match r#type {
            ResourceType::RequestServer => Details {
                r#type,
                name: handler.name,
                field: None,
                request_field: Some(fields),
                reply_field: Some(Field::from_schema(ack.as_value())),
            },
            _ => Details {
                r#type,
                name: handler.name,
                field: Some(fields),
                request_field: None,
                reply_field: None,
            },
        };
        Ok(WithDetails { details })
    }
}
