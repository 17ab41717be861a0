//! AsyncAPI 3.0 document: the messages on the WebSocket.

use serde_json::{Map, Value, json};

use super::components::{Schemas, description, schema_ref};
use super::pushed::PUSHED;
use crate::messages::handler::Handler;
use crate::messages::table::HANDLERS;

/// Returns the document.
pub fn document() -> Value {
    let mut schemas = Schemas::default();
    schemas.add_shared();
    let (mut messages, mut operations) = (Map::new(), Map::new());
    for handler in &HANDLERS {
        schemas.add_message(handler);
        let description = description(handler);
        let client = message(handler.name, handler.name, handler.summary, &description);
        messages.insert(handler.name.to_owned(), client);
        messages.insert(handler.ack.to_owned(), message(handler.ack, handler.ack, "The ACK.", ""));
        messages.insert(handler.nack.to_owned(), message(handler.nack, "NACK", "The NACK.", ""));
        operations.insert(handler.name.to_owned(), client_message(handler));
    }
    for pushed in &PUSHED {
        let key = pushed.key();
        schemas.add_pushed(pushed);
        let gateway = message(pushed.name, &key, pushed.summary, pushed.description);
        messages.insert(key.clone(), gateway);
        operations.insert(format!("push_{}", pushed.name), push_message(&key, pushed.summary));
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
            "description": "One JSON envelope per text frame. Every message gets a reply with its \
                            SOURCE_REF. Rows of subscriptions are pushed as QUERY_UPDATE.",
        },
        "defaultContentType": "application/json",
        "servers": { "local": { "host": "127.0.0.1:9064", "protocol": "ws" } },
        "channels": { "gateway": { "address": "/ws", "messages": all } },
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas.0 },
    })
}

/// Returns the operation of a client message with its two replies. The document describes the
/// gateway, so the action is `receive`.
fn client_message(handler: &Handler) -> Value {
    json!({
        "action": "receive",
        "channel": { "$ref": "#/channels/gateway" },
        "summary": handler.summary,
        "description": description(handler),
        "messages": [on_channel(handler.name)],
        "reply": {
            "channel": { "$ref": "#/channels/gateway" },
            "messages": [on_channel(handler.ack), on_channel(handler.nack)],
        },
    })
}

fn push_message(name: &str, summary: &str) -> Value {
    json!({
        "action": "send",
        "channel": { "$ref": "#/channels/gateway" },
        "summary": summary,
        "messages": [on_channel(name)],
    })
}

fn on_channel(name: &str) -> Value {
    json!({ "$ref": format!("#/channels/gateway/messages/{name}") })
}

fn message(name: &str, schema: &str, summary: &str, description: &str) -> Value {
    let mut message = json!({ "name": name, "summary": summary, "payload": schema_ref(schema) });
    if !description.is_empty() {
        message["description"] = description.into();
    }
    message
}
