//! The configuration as a document, made from the structs: keys, defaults, and what each means.

use serde_json::Value as Json;
use toml::Table;

use super::root::Settings;
use super::schema::{follow, properties, schema, schema_for};
use super::sections::{HostSettings, ServiceSettings};
/// One key, in the order of the structs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRow {
    /// The section with its dots; empty: the root. Elements of a list are in `section[]`.
    pub section: String,
    /// The key.
    pub key: String,
    /// Its default as TOML; `None` if it is not set.
    pub default: Option<String>,
    /// What it means, in one line.
    pub meaning: String,
    /// Its name in the Genesis authentication documentation.
    pub genesis_key: Option<String>,
    /// Whether its section is off as long as it is not written.
    pub optional: bool,
}

impl Settings {
    /// Every key there is. A section comes before its keys, with an empty key.
    pub fn reference_rows() -> Vec<ReferenceRow> {
        let schema = schema();
        let mut all = Vec::new();
        let mut section = String::new();
        // Written from the structs, so that the keys stand in the order of the structs.
        for line in toml::to_string(&Settings::default()).unwrap_or_default().lines() {
            if let Some(path) = line.strip_prefix('[') {
                add_unset(&mut all, &section, &schema);
                section = path.trim_end_matches(']').to_owned();
                all.push(reference_row(&section, "", None, &schema));
            } else if let Some((key, default)) = line.split_once(" = ") {
                all.push(reference_row(&section, key, Some(default.to_owned()), &schema));
            }
        }
        add_unset(&mut all, &section, &schema);
        all
    }

    /// The default configuration with a comment above each key; it reads back as the default.
    pub fn default_toml() -> String {
        let mut out = String::from(
            "# tollgate: the defaults. A flag wins over TOLLGATE_SECTION__KEY in the environment,\n\
             # that over this file. Unknown keys stop the start.\n",
        );
        for ReferenceRow { section, key, default, meaning, optional, .. } in Self::reference_rows()
        {
            if section.contains('[') {
                continue;
            }
            let line = match (key.as_str(), default) {
                ("", _) if optional => format!("\n# {meaning}\n# [{section}]\n"),
                (key, Some(default)) if optional => {
                    format!("# {meaning}\n# {key} = {default}\n")
                }
                ("", _) => format!("\n# {meaning}\n[{section}]\n"),
                ("services", _) => format!("\n# {meaning}\n{}", services_example()),
                (key, Some(default)) => format!("# {meaning}\n{key} = {default}\n"),
                (key, None) => format!("# {meaning}\n# {key} is not set\n"),
            };
            out.push_str(&line);
        }
        out
    }

    /// The same as a document for people: a table a section.
    pub fn reference() -> String {
        let mut out = String::from(
            "# Configuration\n\n\
             Made by `tollgate config-reference`. One TOML file; a flag wins over\n\
             `TOLLGATE_SECTION__KEY` in the environment, that over the file, the file over the\n\
             defaults. Unknown keys stop the start and name the nearest key. For programs:\n\
             [configuration.schema.json](../../protocol/schemas/configuration.schema.json).\n\n\
             `mode = \"hardened\"` has other defaults; a key that is written wins over them:\n\n\
             ```toml",
        );
        out.push_str(crate::settings::mode::HARDENED);
        out.push_str("```\n\n## Root\n\n");
        out.push_str(TABLE_HEADER);
        let mut section = String::new();
        for ReferenceRow { section: own, key, default, meaning, genesis_key, .. } in
            Self::reference_rows()
        {
            if own != section {
                let title = if key.is_empty() { meaning.as_str() } else { "Each of them:" };
                out.push_str(&format!("\n## `{own}`\n\n{title}\n\n{TABLE_HEADER}"));
                section = own;
            }
            if key.is_empty() {
                continue;
            }
            let default = default.map(|it| format!("`{it}`")).unwrap_or_default();
            let (name, meaning) = (genesis_key.unwrap_or_default(), meaning.replace('|', "\\|"));
            out.push_str(&format!("| `{key}` | {name} | {default} | {meaning} |\n"));
        }
        out.push_str(
            "\n## Aliases\n\nEach is accepted for its key, also in camel case, with a warning.\n",
        );
        out.push_str("\n| name | key |\n|---|---|\n");
        for (alias, key) in crate::settings::aliases::ALIASES {
            out.push_str(&format!("| `{alias}` | `{key}` |\n"));
        }
        out
    }

    /// The JSON Schema of the configuration, for editors.
    pub fn schema() -> Json {
        schema()
    }
}

/// The head of a table.
const TABLE_HEADER: &str = "| key | Genesis key | default | meaning |\n|---|---|---|---|\n";

/// Keys of a section that have no default, and those of the elements of its lists.
fn add_unset(all: &mut Vec<ReferenceRow>, section: &str, root: &Json) {
    let Some(schema) = (if section.is_empty() { Some(root) } else { schema_for(section, root) })
    else {
        return;
    };
    for (key, inner) in properties(schema, root) {
        let is_known = all.iter().any(|it| it.section == section && it.key == key);
        let inside = crate::settings::schema::join(section, &key);
        let is_table = !properties(inner, root).is_empty();
        if is_table && field(schema, &key).is_some_and(|it| it.get("anyOf").is_some()) {
            describe(all, &inside, field(schema, &key), inner, root);
        } else if !is_known && !is_table {
            // A table is a section of its own.
            all.push(reference_row(section, &key, None, root));
        }
        if let Some(items) = inner.get("items").map(|items| follow(items, root)) {
            describe_fields(all, &format!("{inside}[]"), items, root);
        }
    }
}

/// A section that the defaults do not have.
fn describe(
    all: &mut Vec<ReferenceRow>,
    path: &str,
    own: Option<&Json>,
    schema: &Json,
    root: &Json,
) {
    all.push(ReferenceRow { optional: true, ..field_row(path, "", None, own) });
    describe_fields(all, path, schema, root);
}

/// Its keys, with their defaults; those of its lists and tables after them.
fn describe_fields(all: &mut Vec<ReferenceRow>, path: &str, schema: &Json, root: &Json) {
    let in_list = path.contains('[');
    let mut deeper = Vec::new();
    for (key, inner) in properties(schema, root) {
        let (own, inside) = (field(schema, &key), format!("{path}.{key}"));
        if !properties(inner, root).is_empty() {
            describe(&mut deeper, &inside, own, inner, root);
            continue;
        }
        let default = own.and_then(|own| own.get("default")).filter(|_| !in_list);
        let default = default.and_then(|it| toml::Value::try_from(it).ok());
        let default = default.map(|it| it.to_string());
        all.push(ReferenceRow { optional: true, ..field_row(path, &key, default, own) });
        if let Some(items) = inner.get("items").map(|items| follow(items, root)) {
            describe_fields(&mut deeper, &format!("{inside}[]"), items, root);
        }
    }
    all.append(&mut deeper);
}

/// The field of a key as its struct describes it: what it refers to is described elsewhere.
fn field<'a>(schema: &'a Json, key: &str) -> Option<&'a Json> {
    schema.get("properties")?.get(key)
}

fn reference_row(section: &str, key: &str, default: Option<String>, root: &Json) -> ReferenceRow {
    let path = if key.is_empty() { section } else { &crate::settings::schema::join(section, key) };
    let (holder, name) = path.rsplit_once('.').unwrap_or(("", path));
    let holder = if holder.is_empty() { Some(root) } else { schema_for(holder, root) };
    field_row(section, key, default, holder.and_then(|holder| field(holder, name)))
}

fn field_row(
    section: &str,
    key: &str,
    default: Option<String>,
    field: Option<&Json>,
) -> ReferenceRow {
    let text = |name: &str| field.and_then(|field| field.get(name)?.as_str()).unwrap_or_default();
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let genesis_key = Some(text("x-genesis-key")).filter(|it| !it.is_empty()).map(str::to_owned);
    let (section, key) = (section.to_owned(), key.to_owned());
    let meaning = one_line(text("description"));
    ReferenceRow { section, key, default, meaning, genesis_key, optional: false }
}

/// Services have no default: an example, commented out.
fn services_example() -> String {
    let host = |name: &str| HostSettings { name: name.to_owned(), port: 9001 };
    let service = ServiceSettings {
        name: "SBL_EVENT_HANDLER".to_owned(),
        encrypted: false,
        hosts: vec![host("genesisserv1"), host("genesisserv2")],
    };
    let table = Table::try_from(service).unwrap_or_default();
    let lines = table.iter().map(|(key, value)| format!("# {key} = {value}\n"));
    format!("# [[services]]\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_reads_back_as_the_defaults_and_explains_every_key() {
        let text = Settings::default_toml();
        assert_eq!(Settings::parse(&text, std::iter::empty()).unwrap(), Settings::default());
        for ReferenceRow { section, key, meaning, .. } in Settings::reference_rows() {
            assert!(meaning.len() > 3, "{section}.{key} is not explained");
        }
        assert!(text.contains("# minimum_length is not set"), "{text}");
        assert!(text.contains("[security.genesis_password.retry]"), "{text}");
        let example = text.lines().filter(|line| line.starts_with("# [[") || line.contains(" = "));
        let example: String =
            example.map(|line| line.trim_start_matches("# ").to_owned() + "\n").collect();
        assert!(example.contains("[[services]]"), "{example}");
    }
}
