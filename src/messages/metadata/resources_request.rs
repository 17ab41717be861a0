//! RESOURCES_REQUEST: what this user may use here (S0, "RESOURCES").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use super::fields::ResourceType;
use crate::messages::handler::{Access, Ask, Prompt};
use crate::subscriptions::Source;
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

impl Prompt for ResourcesRequest {
    const TYPE: &'static str = "RESOURCES_REQUEST";
    const ACK: &'static str = "RESOURCES_REQUEST_ACK";
    const NACK: &'static str = "RESOURCES_REQUEST_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = Ack;

    fn now(ask: &Ask<'_>) -> Result<Ack, Nack> {
        let messages = ask.usable().filter_map(|row| {
            let resource_type = ResourceType::of(row)?;
            Some(Resource { resource_name: row.name, resource_type })
        });
        let is_open = |source: Source| {
            let right = source.right().filter(|_| source.is_closed());
            right.is_none_or(|right| ask.holds(right))
        };
        let sources = Source::NAMES.iter().filter(|(_, source)| is_open(*source));
        let sources = sources.map(|(resource_name, _)| Resource {
            resource_name,
            resource_type: ResourceType::DataServer,
        });
        Ok(Ack { resources: messages.chain(sources).collect() })
    }
}
