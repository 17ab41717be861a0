//! AsyncAPI 3.0: the conversation on the WebSocket.

use serde_json::{Map, Value, json};

use super::components::{Schemas, describe_access, schema_ref};
use crate::messages::handler::Handler;
use crate::messages::table::HANDLERS;

/// What the gateway says without being asked.
const PUSH_MESSAGES: [(&str, &str); 4] = [
    ("QUERY_UPDATE", "Rows of a subscription, as they change."),
    ("SESSION_EXPIRING", "The session ends soon for want of use."),
    ("SESSION_ENDED", "Why the session ended; the close follows."),
    ("MSG_NACK", "A frame that is no message was refused."),
];

/// The whole document.
pub fn document() -> Value {
    let mut schemas = Schemas::default();
    schemas.add_shared();
    for name in ["SESSION_EXPIRING", "SESSION_ENDED"] {
        let details = json!({ "type": "object" });
        let properties = json!({ "MESSAGE_TYPE": { "const": name }, "DETAILS": details });
        schemas.add(name, json!({ "type": "object", "properties": properties }));
    }
    let (mut messages, mut operations) = (Map::new(), Map::new());
    for handler in &HANDLERS {
        schemas.add_message(handler);
        messages.insert(
            handler.name.to_owned(),
            message(handler.name, handler.name, &describe_access(handler.access)),
        );
        messages.insert(handler.ack.to_owned(), message(handler.ack, handler.ack, "The answer."));
        messages.insert(handler.nack.to_owned(), message(handler.nack, "NACK", "The refusal."));
        operations.insert(handler.name.to_owned(), client_message(handler));
    }
    for (name, says) in PUSH_MESSAGES {
        let schema = if name == "MSG_NACK" { "NACK" } else { name };
        messages.insert(name.to_owned(), message(name, schema, says));
        operations.insert(format!("push_{name}"), push_message(name, says));
    }
    let all: Map<String, Value> = messages
        .keys()
        .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "tollgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One JSON envelope a text frame. Every message gets an answer with its \
                            SOURCE_REF; rows of subscriptions are pushed.",
        },
        "defaultContentType": "application/json",
        "servers": { "local": { "host": "127.0.0.1:9064", "protocol": "ws" } },
        "channels": { "gateway": { "address": "/ws", "messages": all } },
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas.0 },
    })
}

/// A message and its two answers, as the gateway sees them.
fn client_message(handler: &Handler) -> Value {
    json!({
        "action": "receive",
        "channel": { "$ref": "#/channels/gateway" },
        "summary": describe_access(handler.access),
        "messages": [on_channel(handler.name)],
        "reply": {
            "channel": { "$ref": "#/channels/gateway" },
            "messages": [on_channel(handler.ack), on_channel(handler.nack)],
        },
    })
}

fn push_message(name: &str, says: &str) -> Value {
    json!({
        "action": "send",
        "channel": { "$ref": "#/channels/gateway" },
        "summary": says,
        "messages": [on_channel(name)],
    })
}

fn on_channel(name: &str) -> Value {
    json!({ "$ref": format!("#/channels/gateway/messages/{name}") })
}

fn message(name: &str, schema: &str, says: &str) -> Value {
    json!({ "name": name, "summary": says, "payload": schema_ref(schema) })
}
