//! HEARTBEAT_PING: checks the connection and reports the user of its session.

use protocol::{Envelope, Nack};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::realm::Millis;

/// VERBOSE, which can also be sent at the root.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct HeartbeatPing {
    /// Whether the reply has CREATED_AT, LAST_RECEIVED, LAST_SENT and RESOURCES. Ignored without a
    /// session.
    #[serde(default)]
    verbose: bool,
}

/// The user of the session to which the message belongs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Pong {
    /// User of the session; absent without a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    /// Whether the message belongs to a session.
    is_authenticated: bool,
    #[serde(flatten)]
    more: Option<More>,
}

/// The fields that VERBOSE adds.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct More {
    /// Time at which the connection was opened (over REST: at which this ping was received), epoch
    /// milliseconds. Only with VERBOSE.
    created_at: Millis,
    /// Time at which this ping was received, epoch milliseconds. Only with VERBOSE.
    last_received: Millis,
    /// Time at which this reply was made, epoch milliseconds. Only with VERBOSE.
    last_sent: Millis,
    /// Types of the messages that the session may send. Only with VERBOSE.
    resources: Vec<&'static str>,
}

impl ImmediateMessage for HeartbeatPing {
    const TYPE: &'static str = "HEARTBEAT_PING";
    const SUMMARY: &'static str = "Checks the connection and returns the user of its session.";
    const ACK: &'static str = "HEARTBEAT_PONG";
    const NACK: &'static str = "HEARTBEAT_PING_NACK";
    const ACCESS: Access = Access::Anyone;
    const FIELDS: &'static [&'static str] = &["VERBOSE"];
    type Ack = Pong;

    fn answer(context: &ImmediateContext<'_>) -> Result<Pong, Nack> {
        let verbose = context.session.is_some() && is_verbose(context.envelope);
        Ok(Pong {
            user_name: context.session.map(|session| session.user_name.to_string()),
            is_authenticated: context.session.is_some(),
            more: verbose.then(|| More {
                created_at: context.client.connected_at,
                last_received: context.now,
                last_sent: context.now,
                resources: context.permitted_handlers().map(|handler| handler.name).collect(),
            }),
        })
    }
}

fn is_verbose(envelope: &Envelope<'_>) -> bool {
    let details = envelope.details.map(|details| details.get());
    let decoded = details.and_then(|details| serde_json::from_str::<HeartbeatPing>(details).ok());
    envelope.verbose || decoded.is_some_and(|ping| ping.verbose)
}
