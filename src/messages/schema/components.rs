//! Schemas and descriptions that OpenAPI (REST) and AsyncAPI (WebSocket) share.
//!
//! Both documents are generated from the handler table: no second description of a message exists.
//! The crates utoipa and aide are not used, because they read the handler functions of a web
//! framework, not this table.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::pushed::{NackBody, PushedMessage, QueryUpdate};
use crate::messages::handler::{Access, Handler};

/// Schemas by name. They refer to each other below `#/components/schemas`.
#[derive(Default)]
pub(super) struct Schemas(pub(super) Map<String, Value>);

impl Schemas {
    /// Adds a schema. Its definitions become schemas of their own, called `name.definition`.
    pub(super) fn add(&mut self, name: &str, mut schema: Value) {
        if let Some(map) = schema.as_object_mut() {
            map.remove("$schema");
            map.remove("title");
            if let Some(Value::Object(definitions)) = map.remove("$defs") {
                for (key, mut definition) in definitions {
                    qualify_refs(&mut definition, name);
                    self.0.insert(format!("{name}.{key}"), definition);
                }
            }
        }
        qualify_refs(&mut schema, name);
        self.0.insert(name.to_owned(), schema);
    }

    /// Adds the schemas of a message: DETAILS, ack and envelope. All messages share the NACK.
    pub(super) fn add_message(&mut self, handler: &Handler) {
        let (details, ack) = (handler.schemas)();
        self.add(&format!("{}.DETAILS", handler.name), details.to_value());
        self.add_root(handler.ack, Some(handler.ack), &ack);
        let envelope = json!({
            "type": "object",
            "properties": {
                "MESSAGE_TYPE": { "const": handler.name },
                "SOURCE_REF": schema_ref("SOURCE_REF"),
                "SESSION_AUTH_TOKEN": { "type": "string" },
                "USER_NAME": {
                    "type": "string",
                    "description": "If the message requires a session: must be the user of the \
                                    session. Never authenticates.",
                },
                "VALIDATE": {
                    "type": "boolean",
                    "description": "Dry run; only for events that change records.",
                },
                "REASON": {
                    "type": "string",
                    "description": "Reason for the audit trail; at most 512 bytes as JSON.",
                },
                "DETAILS": schema_ref(&format!("{}.DETAILS", handler.name)),
            },
        });
        self.add(handler.name, envelope);
    }

    /// Adds the schemas that all messages share.
    pub(super) fn add_shared(&mut self) {
        self.add(
            "SOURCE_REF",
            json!({
                "type": ["string", "number"],
                "description": "Chosen by the client; the reply repeats it unchanged.",
            }),
        );
        self.add_root("NACK", None, &schemars::schema_for!(NackBody));
        self.add_root("QUERY_UPDATE", Some("QUERY_UPDATE"), &schemars::schema_for!(QueryUpdate));
        self.add(
            "CONNECTOR_ERROR",
            json!({
                "type": "object",
                "properties": {
                    "errorCode": { "type": "string" }, "message": { "type": "string" },
                },
                "required": ["errorCode", "message"],
            }),
        );
    }

    /// Adds the schema of a pushed message.
    pub(super) fn add_pushed(&mut self, pushed: &PushedMessage) {
        self.add_root(&pushed.key(), Some(pushed.name), &(pushed.schema)());
    }

    /// Adds the schema of the root of a message of the gateway, with MESSAGE_TYPE and SOURCE_REF.
    /// `message_type` is `None` if several messages share the schema.
    fn add_root(&mut self, name: &str, message_type: Option<&str>, schema: &Schema) {
        let mut schema = schema.as_value().clone();
        let any = json!({ "type": "string" });
        let kind = message_type.map_or(any, |name| json!({ "const": name }));
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("MESSAGE_TYPE".to_owned(), kind);
            properties.insert("SOURCE_REF".to_owned(), schema_ref("SOURCE_REF"));
        }
        let mut required = vec![Value::from("MESSAGE_TYPE")];
        required.extend(schema["required"].as_array().into_iter().flatten().cloned());
        schema["required"] = required.into();
        self.add(name, schema);
    }
}

pub(super) fn schema_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Replaces references to definitions of a schema by the names that [`Schemas::add`] gives them.
fn qualify_refs(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                let old = value.as_str().filter(|_| key == "$ref");
                match old.and_then(|old| old.strip_prefix("#/$defs/")) {
                    Some(definition) => {
                        *value = format!("#/components/schemas/{name}.{definition}").into();
                    }
                    None => qualify_refs(value, name),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|it| qualify_refs(it, name)),
        _ => {}
    }
}

/// Returns the description of a message, and who may send it.
pub(super) fn description(handler: &Handler) -> String {
    let access = describe_access(handler.access);
    match handler.description {
        "" => access,
        description => format!("{description} {access}"),
    }
}

/// Describes who may send a message.
pub(super) fn describe_access(access: Access) -> String {
    match access {
        Access::Anyone => "Requires no session.".to_owned(),
        Access::PendingLogin => "Requires a session, or in DETAILS the REFRESH_AUTH_TOKEN of a \
                                 pending login whose user must enrol a second factor. For another \
                                 user, requires a session and the right in the description of \
                                 USER_NAME."
            .to_owned(),
        Access::Session => "Requires a session.".to_owned(),
        Access::Right(right) => format!("Requires a session and the right {right}."),
        Access::RightOrSelf(right) => {
            format!("Requires a session; for another user also the right {right}.")
        }
        Access::RightUnlessOpen(right) => format!(
            "Requires a session and the right {right}, unless the configuration lets every client \
             send the message."
        ),
    }
}
