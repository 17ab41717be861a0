//! EVENT_HEARTBEAT: a sign of life, answered with the services to connect to (S2, "Heartbeat").

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use crate::gateway::ServiceListJson;
use crate::messages::context::no_session;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
/// No fields; on a bound socket USER_NAME at the root is enough.
#[derive(JsonSchema)]
pub struct Heartbeat {}

/// The services, hosts in the order to try.
#[derive(Serialize, JsonSchema)]
pub struct Ack {
    #[serde(rename = "DETAILS")]
    #[schemars(with = "Details")]
    details: ServiceListJson,
}

/// What DETAILS holds; it is kept as text, ready to be written.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "the shape of the text")]
pub struct Details {
    service: Vec<ServiceEntry>,
}

/// A service and where it runs.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "the shape of the text")]
pub struct ServiceEntry {
    name: String,
    encrypted: bool,
    host: Vec<HostEntry>,
}

/// One place of a service.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "the shape of the text")]
pub struct HostEntry {
    name: String,
    port: u16,
}

impl ImmediateMessage for Heartbeat {
    const TYPE: &'static str = "EVENT_HEARTBEAT";
    const ACK: &'static str = "EVENT_HEARTBEAT_ACK";
    const NACK: &'static str = "EVENT_HEARTBEAT_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = Ack;

    fn answer(context: &ImmediateContext<'_>) -> Result<Ack, Nack> {
        let session = context.session.ok_or_else(no_session)?;
        Ok(Ack { details: context.gateway.services.details(session.session) })
    }
}
