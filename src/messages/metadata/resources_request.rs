//! RESOURCES_REQUEST: what this user may use here (S0, "RESOURCES").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use super::fields::ResourceType;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::subscriptions::DataSource;
/// No fields.
#[derive(JsonSchema)]
pub struct ResourcesRequest {}

/// All of them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    resources: Vec<Resource>,
}

/// One of them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Resource {
    resource_name: &'static str,
    resource_type: ResourceType,
}

impl ImmediateMessage for ResourcesRequest {
    const TYPE: &'static str = "RESOURCES_REQUEST";
    const ACK: &'static str = "RESOURCES_REQUEST_ACK";
    const NACK: &'static str = "RESOURCES_REQUEST_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = Ack;

    fn answer(context: &ImmediateContext<'_>) -> Result<Ack, Nack> {
        let messages = context.permitted_handlers().filter_map(|handler| {
            let resource_type = ResourceType::from_handler(handler)?;
            Some(Resource { resource_name: handler.name, resource_type })
        });
        let is_open = |source: DataSource| {
            let right = source.view_right().filter(|_| source.requires_right());
            right.is_none_or(|right| context.has_right(right))
        };
        let sources = DataSource::NAMES.iter().filter(|(_, source)| is_open(*source));
        let sources = sources.map(|(resource_name, _)| Resource {
            resource_name,
            resource_type: ResourceType::DataServer,
        });
        Ok(Ack { resources: messages.chain(sources).collect() })
    }
}
