//! RESOURCES_REQUEST: the messages and data sources that the user may use.
//!
//! See Genesis REST API, "RESOURCES".

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use super::fields::ResourceType;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::subscriptions::DataSource;

/// No fields.
#[derive(JsonSchema)]
pub struct ResourcesRequest {}

/// The resources that the user may use.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    /// The resources: first messages, then data sources.
    resources: Vec<Resource>,
}

/// One resource.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Resource {
    /// MESSAGE_TYPE of the message, or name of the data source.
    resource_name: &'static str,
    /// EVENT_HANDLER: a message EVENT_…; REQUESTSERVER: a message REQ_…; DATASERVER: a data source.
    resource_type: ResourceType,
}

impl ImmediateMessage for ResourcesRequest {
    const TYPE: &'static str = "RESOURCES_REQUEST";
    const SUMMARY: &'static str =
        "Lists the messages EVENT_… and REQ_… and the data sources that the user may use.";
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
