//! The JSON Schema of the configuration.

use serde_json::Value as Json;

use super::root::Settings;

/// Returns the JSON Schema of the configuration.
pub(super) fn schema() -> Json {
    schemars::schema_for!(Settings).to_value()
}

/// Returns the keys of an object and their schemas, with references resolved.
pub(super) fn properties<'a>(schema: &'a Json, root: &'a Json) -> Vec<(String, &'a Json)> {
    let properties = follow(schema, root).get("properties").and_then(Json::as_object);
    let resolve = |(name, inner): (&String, &'a Json)| (name.clone(), follow(inner, root));
    properties.into_iter().flatten().map(resolve).collect()
}

pub(super) fn follow<'a>(schema: &'a Json, root: &'a Json) -> &'a Json {
    // The schema of an optional value has two alternatives: the value, then null.
    let either = schema.get("anyOf").and_then(Json::as_array);
    let schema = either.and_then(|both| both.first()).unwrap_or(schema);
    let target = schema.get("$ref").and_then(Json::as_str);
    let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}

/// Returns the schema of a dotted key; `None` if the key is unknown.
pub(super) fn schema_for<'a>(path: &str, root: &'a Json) -> Option<&'a Json> {
    path.split('.').try_fold(root, |schema, key| {
        properties(schema, root).into_iter().find(|(name, _)| name == key).map(|(_, it)| it)
    })
}

/// Joins the path of a section and a key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
