//! HEARTBEAT_PING: is anybody there, and who am I to them.

use protocol::{Envelope, Nack};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::handler::{Access, ImmediateContext, ImmediateMessage};
use crate::realm::Millis;
/// VERBOSE, at the root or in DETAILS, asks for more once logged in.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct HeartbeatPing {
    #[serde(default)]
    verbose: bool,
}

/// Who the connection belongs to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Pong {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    is_authenticated: bool,
    #[serde(flatten)]
    more: Option<More>,
}

/// What VERBOSE adds; times are epoch milliseconds.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct More {
    created_at: Millis,
    last_received: Millis,
    last_sent: Millis,
    resources: Vec<&'static str>,
}

impl ImmediateMessage for HeartbeatPing {
    const TYPE: &'static str = "HEARTBEAT_PING";
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
    let asked = details.and_then(|details| serde_json::from_str::<HeartbeatPing>(details).ok());
    envelope.verbose || asked.is_some_and(|ping| ping.verbose)
}
