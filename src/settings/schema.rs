//! JSON Schema of the configuration.

use serde_json::Value as Json;

use super::root::Settings;

/// The JSON Schema of the configuration.
pub(super) fn schema() -> Json {
    schemars::schema_for!(Settings).to_value()
}

/// The keys of an object and their schemas; references are followed.
pub(super) fn properties<'a>(schema: &'a Json, root: &'a Json) -> Vec<(String, &'a Json)> {
    let properties = follow(schema, root).get("properties").and_then(Json::as_object);
    let resolve = |(name, inner): (&String, &'a Json)| (name.clone(), follow(inner, root));
    properties.into_iter().flatten().map(resolve).collect()
}

pub(super) fn follow<'a>(schema: &'a Json, root: &'a Json) -> &'a Json {
    // What may be absent is one of two: itself, or null.
    let either = schema.get("anyOf").and_then(Json::as_array);
    let schema = either.and_then(|both| both.first()).unwrap_or(schema);
    let target = schema.get("$ref").and_then(Json::as_str);
    let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}

/// The schema of a dotted key.
pub(super) fn schema_for<'a>(path: &str, root: &'a Json) -> Option<&'a Json> {
    path.split('.').try_fold(root, |schema, key| {
        properties(schema, root).into_iter().find(|(name, _)| name == key).map(|(_, it)| it)
    })
}

/// A key with its section.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
