//! META_REQUEST: the fields of a resource (S0, "METADATA").

use protocol::{Nack, NackCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fields::{Field, ResourceType};
use crate::messages::details;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::messages::record::WithDetails;
use crate::subscriptions::DataSource;
/// Of which resource.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct MetaRequest {
    feature: Option<String>,
}

/// Fields of what is sent or shown; a request server has those of its requests and its replies.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    r#type: ResourceType,
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Vec<Field>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_field: Option<Vec<Field>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_field: Option<Vec<Field>>,
}

/// FEATURE of DETAILS.
pub(super) fn feature(context: &ImmediateContext<'_>) -> Result<String, Nack> {
    let read: MetaRequest = details::decode(context.envelope.details.map(|it| it.get()), false)?;
    let none = || Nack::new(NackCode::FeatureNotProvided, "FEATURE names the resource");
    read.feature.filter(|it| !it.is_empty()).ok_or_else(none)
}

impl ImmediateMessage for MetaRequest {
    const TYPE: &'static str = "META_REQUEST";
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
        let unknown = || Nack::new(NackCode::FeatureNotFound, "no resource of yours is called so");
        let handler =
            context.permitted_handlers().find(|row| row.name == feature).ok_or_else(unknown)?;
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
