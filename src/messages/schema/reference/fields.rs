//! Tables of fields, made from JSON Schemas.

use serde_json::{Map, Value};

use crate::messages::schema::markdown::{code, codes, link, table};

/// The names of the shared types, in the order of the reference.
pub(super) const SHARED: [&str; 12] = [
    "LoginAck",
    "UserBody",
    "UserAck",
    "ProfileBody",
    "ProfileAck",
    "RightAck",
    "RightRef",
    "UserRef",
    "ProfileRef",
    "WouldChange",
    "FieldChange",
    "LifeTimes",
];

/// One field of an object.
struct FieldEntry {
    /// Name; `A[].B` is field B of the elements of list A.
    name: String,
    kind: String,
    required: bool,
    meaning: String,
}

/// Returns the description of an object and the table of its fields, including nested fields.
/// `required` is the header of the column that states whether a field is required.
pub(super) fn fields(title: &str, schema: &Value, required: &str) -> String {
    let text = description(schema);
    let title = match text.as_str() {
        "" => format!("\n**{title}.**"),
        text => format!("\n**{title}.** {text}"),
    };
    if let Some(name) = shared_name(schema) {
        return format!("{title} Fields: {}.\n", link(name));
    }
    match field_table(schema, required) {
        Some(table) => format!("{title}\n\n{table}"),
        None => format!("{title}\n"),
    }
}

/// Returns the table of an object's fields; `None` if it has none.
pub(super) fn field_table(schema: &Value, required: &str) -> Option<String> {
    let mut entries = Vec::new();
    collect(schema, schema, "", &mut entries);
    let row = |entry: FieldEntry| {
        let required = if entry.required { "yes" } else { "" };
        [code(&entry.name), entry.kind, required.to_owned(), entry.meaning]
    };
    let rows: Vec<_> = entries.into_iter().map(row).collect();
    (!rows.is_empty()).then(|| table(["field", "type", required, "meaning"], rows))
}

/// Returns the description of a schema, in one line; empty if it has none.
pub(super) fn description(schema: &Value) -> String {
    let own = schema["description"].as_str();
    let of_type = || follow(schema, schema)["description"].as_str();
    own.or_else(of_type).unwrap_or_default().replace('\n', " ")
}

/// Returns the name of the type, if the reference describes it once for all messages.
fn shared_name(schema: &Value) -> Option<&'static str> {
    let name = schema["$ref"].as_str().and_then(|it| it.strip_prefix("#/$defs/"));
    let name = name.or_else(|| schema["title"].as_str())?;
    SHARED.iter().copied().find(|shared| *shared == name)
}

/// Appends the fields of an object, except those of shared types. If the schema has several objects
/// as alternatives, the fields of all these objects are appended, and no field is required.
fn collect(root: &Value, schema: &Value, prefix: &str, entries: &mut Vec<FieldEntry>) {
    let objects: Vec<&Value> = alternatives(root, schema)
        .into_iter()
        .filter(|it| it.get("properties").is_some())
        .collect();
    let is_only = objects.len() == 1;
    for object in objects {
        let empty = Map::new();
        let properties = object["properties"].as_object().unwrap_or(&empty);
        let is_listed = |name: &str| {
            object["required"].as_array().is_some_and(|list| list.iter().any(|it| it == name))
        };
        let mut properties: Vec<_> = properties.iter().collect();
        properties.sort_by_key(|(name, _)| !is_listed(name));
        for (name, property) in properties {
            let entry = entry(root, property, format!("{prefix}{name}"), is_listed(name));
            let nested = match list_items(root, property) {
                Some(items) => (items, format!("{}[].", entry.name)),
                None => (property, format!("{}.", entry.name)),
            };
            entries.push(FieldEntry { required: is_only && entry.required, ..entry });
            collect(root, nested.0, &nested.1, entries);
        }
    }
}

fn entry(root: &Value, property: &Value, name: String, is_listed: bool) -> FieldEntry {
    let of_type = || follow(root, list_items(root, property).unwrap_or(property));
    let own = property["description"].as_str();
    let meaning = own.or_else(|| of_type()["description"].as_str()).unwrap_or_default();
    // The schema lists a field as optional if its absence has an error code of its own. The
    // description of such a field ends with "Required.".
    let required = meaning.strip_suffix(" Required.");
    let mut meaning = required.unwrap_or(meaning).replace('\n', " ");
    if let Value::Number(default) = &property["default"] {
        meaning.push_str(&format!(" Default: {default}."));
    }
    let mut kind = kind(root, property);
    if is_listed && allows_null(property) {
        kind.push_str(" or null");
    }
    FieldEntry { name, kind, required: is_listed || required.is_some(), meaning }
}

/// Returns the schema of the elements, if the value may be a list.
fn list_items<'a>(root: &'a Value, property: &'a Value) -> Option<&'a Value> {
    alternatives(root, property).into_iter().find_map(|it| it.get("items"))
}

fn allows_null(schema: &Value) -> bool {
    let is_null = |it: &Value| it == "null" || it["type"] == "null";
    ["type", "anyOf"]
        .iter()
        .any(|key| schema[*key].as_array().is_some_and(|it| it.iter().any(is_null)))
}

/// Follows references within a schema.
fn follow<'a>(root: &'a Value, mut schema: &'a Value) -> &'a Value {
    for _ in 0..16 {
        let pointer = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        match pointer.and_then(|pointer| root.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// Returns the alternatives (`anyOf`) of a schema except null. A schema without alternatives is its
/// own only alternative. References to shared types are not followed.
fn alternatives<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if schema.get("$ref").is_some() && shared_name(schema).is_some() {
        return vec![schema];
    }
    let schema = follow(root, schema);
    match schema["anyOf"].as_array() {
        Some(choices) => choices.iter().flat_map(|it| alternatives(root, it)).collect(),
        None if schema["type"] == "null" => Vec::new(),
        None => vec![schema],
    }
}

/// Returns the type of a value as text.
fn kind(root: &Value, schema: &Value) -> String {
    let kinds = alternatives(root, schema).into_iter().map(|it| kind_of_one(root, it));
    let mut kinds: Vec<String> = kinds.collect();
    kinds.dedup();
    kinds.join(" or ")
}

fn kind_of_one(root: &Value, schema: &Value) -> String {
    if let Some(name) = shared_name(schema).filter(|_| schema.get("$ref").is_some()) {
        return link(name);
    }
    if let Some(values) = enumeration(schema) {
        return codes(values);
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    let types = types.into_iter().filter(|it| *it != "null").map(|it| match it {
        "array" => match schema.get("items") {
            Some(items) => format!("list of {}", kind(root, items)),
            None => "empty list".to_owned(),
        },
        other => other.to_owned(),
    });
    let types: Vec<String> = types.collect();
    if types.is_empty() { "any".to_owned() } else { types.join(" or ") }
}

/// Returns the valid values of an enumeration; `None` if the schema is not one.
fn enumeration(schema: &Value) -> Option<Vec<&str>> {
    if let Some(list) = schema["enum"].as_array() {
        return Some(list.iter().filter_map(Value::as_str).collect());
    }
    let choices = schema["oneOf"].as_array()?;
    choices.iter().map(|it| it["const"].as_str()).collect()
}
