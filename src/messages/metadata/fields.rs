//! Fields of messages and data sources for META_REQUEST, derived from their schemas and columns.

use protocol::filter::Kind;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::messages::handler::Handler;
use crate::subscriptions::DataSource;

/// The type of a resource (Genesis REST API, "RESOURCES").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum ResourceType {
    /// An event to send, such as EVENT_INSERT_USER.
    #[serde(rename = "EVENT_HANDLER")]
    EventHandler,
    /// A request for one record, such as REQ_USER.
    #[serde(rename = "REQUESTSERVER")]
    RequestServer,
    /// A data source to subscribe to, such as ALL_USERS.
    #[serde(rename = "DATASERVER")]
    DataServer,
}

impl ResourceType {
    /// Returns the resource type of a message. `None` if the message belongs to the protocol itself
    /// and is no resource.
    pub fn from_handler(handler: &Handler) -> Option<Self> {
        match handler.name {
            name if name.starts_with("EVENT_") => Some(Self::EventHandler),
            name if name.starts_with("REQ_") => Some(Self::RequestServer),
            _ => None,
        }
    }
}

/// The type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum FieldType {
    String,
    Int,
    Long,
    Double,
    Boolean,
    Enum,
    Datetime,
}

/// One field of a message or of the rows of a data source.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Field {
    /// Name of the field. `A[].B` is field B of the elements of list A.
    name: String,
    /// Type of the field's value. DATETIME: an integer, milliseconds since the epoch. INT and LONG:
    /// an integer of at most 32 or 64 bits. For a list: the type of the elements.
    r#type: FieldType,
    /// Whether the field may be absent.
    optional: bool,
    /// The valid values; only if TYPE is ENUM.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_values: Option<Vec<String>>,
    /// What the field means.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Field {
    /// Returns the columns of a data source as fields.
    pub fn from_source(source: DataSource) -> Vec<Self> {
        let field = |column: &protocol::filter::Column| Self {
            name: column.name.to_owned(),
            r#type: match column.kind {
                Kind::Text | Kind::Name => FieldType::String,
                Kind::Number if is_time(column.name) => FieldType::Datetime,
                Kind::Number => FieldType::Long,
                Kind::Boolean => FieldType::Boolean,
            },
            optional: true,
            valid_values: None,
            description: Some(column.description.to_owned()),
        };
        source.columns().iter().map(field).collect()
    }

    /// Returns the fields of an object's JSON Schema, including the fields of nested objects.
    pub fn from_schema(schema: &Value) -> Vec<Self> {
        let mut fields = Vec::new();
        collect(schema, resolve(schema, schema), "", &mut fields);
        fields
    }
}

/// Whether a number in a field with this name is a time in epoch milliseconds.
fn is_time(name: &str) -> bool {
    let is_suffix = |suffix: &str| name.ends_with(suffix) && !name.ends_with("_LIFE_TIME");
    ["_TIME", "_UNTIL", "_AT"].into_iter().any(is_suffix) || matches!(name, "LAST_LOGIN" | "AT")
}

/// Adds the fields of `schema` to `fields`. `prefix` is the path of the object, such as `A[].`.
fn collect(root: &Value, schema: &Value, prefix: &str, fields: &mut Vec<Field>) {
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let required = schema["required"].as_array();
    for (name, property) in properties {
        let name_here = format!("{prefix}{name}");
        let optional = !required.is_some_and(|list| list.iter().any(|it| it == name));
        let shape = resolve(root, property);
        let element = shape.get("items").map(|items| resolve(root, items));
        let (shape, name_here) = match element {
            Some(element) => (element, format!("{name_here}[]")),
            None => (shape, name_here),
        };
        if shape.get("properties").is_some() {
            collect(root, shape, &format!("{name_here}."), fields);
            continue;
        }
        let valid_values = enum_values(shape);
        let described = property.get("description").and_then(Value::as_str);
        fields.push(Field {
            name: name_here,
            r#type: if valid_values.is_some() { FieldType::Enum } else { kind(name, shape) },
            optional,
            valid_values,
            description: described.map(str::to_owned),
        });
    }
}

/// Follows `$ref`. Of the alternatives of `anyOf`, chooses the most detailed: an object before
/// other types, and other types before null.
fn resolve<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..16 {
        let reference = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        if let Some(target) = reference.and_then(|pointer| root.pointer(pointer)) {
            schema = target;
            continue;
        }
        let Some(choices) = schema["anyOf"].as_array() else { break };
        let choices = choices.iter().map(|it| resolve(root, it));
        let detail = |it: &&Value| (it.get("properties").is_some(), it["type"] != "null");
        match choices.max_by_key(detail) {
            Some(choice) => schema = choice,
            None => break,
        }
    }
    schema
}

/// Returns the valid values of an enumeration; `None` if the schema is no enumeration.
fn enum_values(shape: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(list) = shape["enum"].as_array() {
        return Some(list.iter().filter_map(text).collect());
    }
    let choices = shape["oneOf"].as_array()?;
    choices.iter().map(|it| text(&it["const"])).collect()
}

fn kind(name: &str, shape: &Value) -> FieldType {
    let is = |word: &str| match &shape["type"] {
        Value::Array(words) => words.iter().any(|it| it == word),
        one => one == word,
    };
    match shape["format"].as_str() {
        _ if is("boolean") => FieldType::Boolean,
        _ if is("integer") && is_time(name) => FieldType::Datetime,
        Some("uint64" | "int64" | "uint") if is("integer") => FieldType::Long,
        _ if is("integer") => FieldType::Int,
        _ if is("number") => FieldType::Double,
        _ => FieldType::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::table;

    fn fields(message: &str) -> Vec<Field> {
        let handler = table::find(message).unwrap();
        Field::from_schema((handler.schemas)().0.as_value())
    }

    fn named<'a>(fields: &'a [Field], name: &str) -> &'a Field {
        fields.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("{name} in {fields:?}"))
    }

    #[test]
    fn fields_are_those_that_the_message_reads() {
        let profile = fields("EVENT_AMEND_PROFILE");
        assert_eq!(named(&profile, "RIGHT[].CODE").r#type, FieldType::String);
        assert_eq!(named(&profile, "RECORD_VERSION").r#type, FieldType::Int);
        let status = named(&profile, "STATUS");
        assert_eq!(status.r#type, FieldType::Enum);
        assert_eq!(
            status.valid_values.as_deref(),
            Some(&["ENABLED".into(), "DISABLED".into()][..])
        );
        let user = fields("EVENT_INSERT_USER");
        assert_eq!(named(&user, "COMPANY_NAME").r#type, FieldType::String);
        assert_eq!(named(&user, "GENERATE_PASSWORD").r#type, FieldType::Boolean);
        assert!(!named(&fields("EVENT_INSERT_RIGHT"), "CODE").optional);
        assert!(named(&fields("EVENT_INSERT_RIGHT"), "DESCRIPTION").optional);
    }

    #[test]
    fn columns_of_a_source_have_their_kinds() {
        let sessions = Field::from_source(DataSource::ActiveSessions);
        assert_eq!(named(&sessions, "LOGIN_TIME").r#type, FieldType::Datetime);
        assert_eq!(named(&sessions, "RECORD_VERSION").r#type, FieldType::Long);
        let codes = Field::from_source(DataSource::ActiveCodes);
        assert_eq!(named(&codes, "EXPIRES_AT").r#type, FieldType::Datetime);
        let lifetimes = fields("EVENT_AMEND_CONNECTOR_SETTINGS");
        assert_ne!(named(&lifetimes, "ACCESS_TOKEN_LIFE_TIME").r#type, FieldType::Datetime);
    }
}
