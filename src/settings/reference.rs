//! All keys of the configuration with defaults and meanings, from the settings structs.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::root::Settings;
use super::schema::{follow, join, properties, schema};

/// One key or section of the configuration reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRow {
    /// The dotted path of the section; empty for the root. Elements of a list have the path
    /// `section[]`.
    pub section: String,
    /// The key; empty if this is the row of the section itself.
    pub key: String,
    /// The default as TOML; `None` if the key is not set by default.
    pub default: Option<String>,
    /// Whether the key must be set. Only keys in elements of lists can be required.
    pub required: bool,
    /// The meaning, in one line.
    pub meaning: String,
    /// The name in the Genesis authentication documentation; `None` if that documentation does not
    /// have the key.
    pub genesis_key: Option<String>,
    /// Whether the section is off if the configuration does not contain it. Also true for elements
    /// of a list.
    pub optional: bool,
}

impl Settings {
    /// Returns all keys in the order of the structs. The row of a section precedes the rows of its
    /// keys.
    pub fn reference_rows() -> Vec<ReferenceRow> {
        let root = schema();
        let mut walk = Walk { root: &root, order: default_order(), rows: Vec::new() };
        walk.add_section(&Section {
            path: String::new(),
            schema: &root,
            defaults: Table::try_from(Settings::default()).ok(),
            optional: false,
        });
        walk.rows
    }

    /// Returns the JSON Schema of the configuration, for editors.
    pub fn schema() -> Json {
        schema()
    }
}

/// Returns the paths of keys and sections in the order of the structs. The order is that of the
/// serialized defaults, because the schema has another order.
fn default_order() -> Vec<String> {
    let text = toml::to_string(&Settings::default())
        .unwrap_or_else(|error| unreachable!("the default settings are TOML: {error}"));
    let mut section = "";
    let mut order = Vec::new();
    for line in text.lines() {
        if let Some(path) = line.strip_prefix('[') {
            section = path.trim_end_matches(']');
            order.push(section.to_owned());
        } else if let Some((key, _)) = line.split_once(" = ") {
            order.push(join(section, key));
        }
    }
    order
}

/// A section to describe.
struct Section<'a> {
    path: String,
    schema: &'a Json,
    /// The defaults of the keys. `None` for an optional section and for elements of a list, because
    /// their schema has the defaults.
    defaults: Option<Table>,
    optional: bool,
}

/// The walk through the schema that collects the rows.
struct Walk<'a> {
    root: &'a Json,
    order: Vec<String>,
    rows: Vec<ReferenceRow>,
}

impl<'a> Walk<'a> {
    /// Adds the keys of a section, then its lists and subsections.
    fn add_section(&mut self, section: &Section<'a>) {
        let mut fields = properties(section.schema, self.root);
        fields.sort_by_key(|(key, _)| self.rank(&join(&section.path, key)));
        let mut inner = Vec::new();
        for (key, schema) in fields {
            let (path, field) = (join(&section.path, &key), field(section.schema, &key));
            let own_default = section.defaults.as_ref().and_then(|it| it.get(&key));
            if !properties(schema, self.root).is_empty() {
                let optional = section.optional || is_optional(field);
                let defaults = own_default.and_then(Value::as_table).cloned();
                inner.push((field, Section { path, schema, defaults, optional }));
                continue;
            }
            let default = match own_default {
                Some(value) => Some(value.to_string()),
                None => schema_default(field),
            };
            let optional = section.optional;
            let required = is_required(section.schema, &key);
            self.rows.push(ReferenceRow {
                default,
                required,
                ..row(&section.path, &key, optional, field)
            });
            if let Some(schema) = schema.get("items").map(|items| follow(items, self.root))
                && !properties(schema, self.root).is_empty()
            {
                let path = format!("{path}[]");
                inner.push((None, Section { path, schema, defaults: None, optional: true }));
            }
        }
        for (field, section) in &inner {
            if !section.path.ends_with(']') && self.has_keys(section) {
                self.rows.push(row(&section.path, "", section.optional, *field));
            }
            self.add_section(section);
        }
    }

    /// Returns the position of a path among the defaults. Paths without a default are last.
    fn rank(&self, path: &str) -> usize {
        let below = format!("{path}.");
        let mut order = self.order.iter();
        order.position(|it| it == path || it.starts_with(&below)).unwrap_or(usize::MAX)
    }

    /// Whether a section has keys of its own, not only subsections.
    fn has_keys(&self, section: &Section<'_>) -> bool {
        let mut fields = properties(section.schema, self.root).into_iter();
        fields.any(|(_, schema)| properties(schema, self.root).is_empty())
    }
}

/// Returns the schema of a field without following references: the doc comment of the field is the
/// meaning of the key, not the doc comment of its type.
fn field<'a>(schema: &'a Json, key: &str) -> Option<&'a Json> {
    schema.get("properties")?.get(key)
}

/// Whether a section may be absent. The schema then has two alternatives: the section, or null.
fn is_optional(field: Option<&Json>) -> bool {
    field.is_some_and(|field| field.get("anyOf").is_some())
}

/// Returns the default of a key in an optional section or in an element of a list.
fn schema_default(field: Option<&Json>) -> Option<String> {
    let default = Value::try_from(field?.get("default")?).ok()?;
    Some(default.to_string())
}

/// Whether a section or an element of a list is invalid without this key.
fn is_required(schema: &Json, key: &str) -> bool {
    let required = schema.get("required").and_then(Json::as_array);
    required.is_some_and(|keys| keys.iter().any(|it| it == key))
}

/// Returns a row without a default.
fn row(section: &str, key: &str, optional: bool, field: Option<&Json>) -> ReferenceRow {
    let text = |name: &str| field.and_then(|field| field.get(name)?.as_str()).unwrap_or_default();
    let meaning = text("description").split_whitespace().collect::<Vec<_>>().join(" ");
    let genesis_key = Some(text("x-genesis-key")).filter(|it| !it.is_empty()).map(str::to_owned);
    let (section, key) = (section.to_owned(), key.to_owned());
    ReferenceRow { section, key, default: None, required: false, meaning, genesis_key, optional }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_meaning() {
        for ReferenceRow { section, key, meaning, .. } in Settings::reference_rows() {
            assert!(meaning.len() > 3, "{section}.{key} has no doc comment");
        }
    }

    #[test]
    fn optional_sections_and_lists_are_described() {
        let rows = Settings::reference_rows();
        let find = |section: &str, key: &str| {
            rows.iter().find(|row| row.section == section && row.key == key)
        };
        let reset = "security.genesis_password.self_service_reset";
        assert!(find(reset, "").is_some_and(|row| row.optional));
        assert!(find(reset, "redirect_url").is_some());
        assert!(find("services[].hosts[]", "port").is_some_and(|row| row.required));
        let connection = "security.authentication.ldap.connection[]";
        assert_eq!(find(connection, "port").and_then(|row| row.default.as_deref()), Some("389"));
        assert!(find(connection, "port").is_some_and(|row| !row.required));
        let listen = find("server", "listen").and_then(|row| row.default.clone());
        assert_eq!(listen.as_deref(), Some("\"127.0.0.1:9064\""));
        assert!(
            find("security.genesis_password", "").is_none(),
            "a section without keys of its own must have no row"
        );
    }
}
