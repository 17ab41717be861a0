//! EVENT_HEARTBEAT: shows that the client is alive; the ack lists the services.
//!
//! See Genesis authentication, "Heartbeat".

use protocol::Nack;
use schemars::JsonSchema;
use serde::Serialize;

use crate::gateway::ServiceListJson;
use crate::messages::context::no_session;
use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};

/// No fields. On a connection that is bound to a session, SESSION_AUTH_TOKEN may be left out.
#[derive(JsonSchema)]
pub struct Heartbeat {}

/// The services to which the client may connect.
#[derive(Serialize, JsonSchema)]
pub struct Ack {
    #[serde(rename = "DETAILS")]
    #[schemars(with = "Details")]
    details: ServiceListJson,
}

// DETAILS is kept as JSON that is ready to be written. These types only describe it.

/// The list of services.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct Details {
    /// The services; empty if none is configured.
    service: Vec<ServiceEntry>,
}

/// A service and its hosts.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct ServiceEntry {
    /// Name of the service.
    name: String,
    /// Whether the service requires TLS.
    encrypted: bool,
    /// Hosts of the service, in the order in which the client should try them.
    host: Vec<HostEntry>,
}

/// A host of a service.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "only its schema is used")]
pub struct HostEntry {
    /// Host name or address.
    name: String,
    /// TCP port.
    port: u16,
}

impl ImmediateMessage for Heartbeat {
    const TYPE: &'static str = "EVENT_HEARTBEAT";
    const SUMMARY: &'static str =
        "Shows that the client is alive and returns the list of services.";
    const DESCRIPTION: &'static str = "Send it every HEARTBEAT_INTERVAL_SECS seconds; the login \
        ACK has this number. A heartbeat does not count as use of the session: if the client sends \
        only heartbeats, the session ends with IDLE.";
    const ACK: &'static str = "EVENT_HEARTBEAT_ACK";
    const NACK: &'static str = "EVENT_HEARTBEAT_NACK";
    const ACCESS: Access = Access::Session;
    type Ack = Ack;

    fn answer(context: &ImmediateContext<'_>) -> Result<Ack, Nack> {
        let session = context.session.ok_or_else(no_session)?;
        Ok(Ack { details: context.gateway.services.details(session.session) })
    }
}
