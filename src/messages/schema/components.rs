//! What OpenAPI (REST) and AsyncAPI (WebSocket) share. Both are made from the handler table: there
//! is no second description of a message.
//!
//! utoipa and aide document the handler functions of a web framework; they cannot read this table.

use serde_json::{Map, Value, json};

use crate::messages::handler::{Access, Handler};

/// Schemas by name; what they refer to stands beside them.
#[derive(Default)]
pub(super) struct Schemas(pub(super) Map<String, Value>);

impl Schemas {
    /// Takes a schema in; its definitions get names of their own below `name`.
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

    /// The schemas of a message: its envelope, its ack; the NACK is one for all.
    pub(super) fn add_message(&mut self, handler: &Handler) {
        let (details, ack) = (handler.schemas)();
        self.add(&format!("{}.DETAILS", handler.name), details.to_value());
        let mut ack = ack.to_value();
        if let Some(properties) = ack.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("MESSAGE_TYPE".to_owned(), json!({ "const": handler.ack }));
            properties.insert("SOURCE_REF".to_owned(), schema_ref("SOURCE_REF"));
        }
        self.add(handler.ack, ack);
        let envelope = json!({
            "type": "object",
            "properties": {
                "MESSAGE_TYPE": { "const": handler.name },
                "SOURCE_REF": schema_ref("SOURCE_REF"),
                "SESSION_AUTH_TOKEN": { "type": "string" },
                "USER_NAME": { "type": "string", "description": "never trusted, only compared" },
                "VALIDATE": { "type": "boolean", "description": "a dry run of entity events" },
                "REASON": { "type": "string", "description": "words for the audit" },
                "DETAILS": schema_ref(&format!("{}.DETAILS", handler.name)),
            },
        });
        self.add(handler.name, envelope);
    }

    /// What all messages share.
    pub(super) fn add_shared(&mut self) {
        self.add(
            "SOURCE_REF",
            json!({
                "type": ["string", "number"],
                "description": "chosen by the client and echoed to the letter",
            }),
        );
        self.add_refusals();
        self.add_rows();
    }

    /// The refusals of messages, and of S1's routes.
    fn add_refusals(&mut self) {
        let fault = json!({
            "type": "object",
            "properties": {
                "CODE": { "type": "string" }, "TEXT": { "type": "string" },
                "STATUS_CODE": { "type": "string" }, "DETAILS": { "type": "object" },
            },
            "required": ["CODE", "TEXT", "STATUS_CODE"],
        });
        self.add(
            "NACK",
            json!({
                "type": "object",
                "properties": {
                    "MESSAGE_TYPE": { "type": "string" },
                    "SOURCE_REF": schema_ref("SOURCE_REF"),
                    "CODE": { "type": "string" }, "TEXT": { "type": "string" },
                    "ERROR": { "type": "array", "items": fault },
                },
                "required": ["MESSAGE_TYPE", "CODE", "TEXT", "ERROR"],
            }),
        );
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

    fn add_rows(&mut self) {
        self.add(
            "QUERY_UPDATE",
            json!({
                "type": "object",
                "properties": {
                    "MESSAGE_TYPE": { "const": "QUERY_UPDATE" },
                    "SOURCE_REF": schema_ref("SOURCE_REF"),
                    "SEQUENCE_ID": { "type": "integer" }, "ROWS_COUNT": { "type": "integer" },
                    "MORE_ROWS": { "type": "boolean" }, "RIGHTS_VERSION": { "type": "integer" },
                    "ROW": { "type": "array", "items": {
                        "type": "object", "properties": { "DETAILS": { "type": "object" } },
                    } },
                },
                "required": ["MESSAGE_TYPE", "SEQUENCE_ID", "ROWS_COUNT", "MORE_ROWS", "ROW"],
            }),
        );
    }
}

pub(super) fn schema_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Points references at the names that definitions have now.
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

/// Who may send a message, in words.
pub(super) fn describe_access(access: Access) -> String {
    match access {
        Access::Anyone => "Everybody, also before the login.".to_owned(),
        Access::PendingLogin => {
            "Whoever has a session, or the REFRESH_AUTH_TOKEN of a login that must enrol."
                .to_owned()
        }
        Access::Session => "Whoever has a session.".to_owned(),
        Access::Right(right) => format!("Whoever has a session and the right {right}."),
        Access::RightOrSelf(right) => {
            format!("For oneself a session is enough; for others the right {right} is needed.")
        }
    }
}
