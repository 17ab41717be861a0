//! The configuration as a document, made from the structs: keys, defaults, and what each means.

use serde_json::Value as Json;
use toml::Table;

use super::keys::schema_of;
use super::{Host, Service, Settings};

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

fn follow<'a>(schema: &'a Json, root: &'a Json) -> &'a Json {
    let target = schema.get("$ref").and_then(Json::as_str);
    let target = target.and_then(|target| root.pointer(target.strip_prefix('#')?));
    target.unwrap_or(schema)
}

impl Settings {
    /// The default configuration with a comment above each key; it reads back as the default.
    pub fn default_toml() -> String {
        let mut out = String::from(
            "# tollgate: the defaults. A flag wins over TOLLGATE_SECTION__KEY in the environment,\n\
             # that over this file. Unknown keys stop the start.\n",
        );
        let schema = schema();
        let mut section = String::new();
        // Written from the structs, so that the keys stand in the order of the structs.
        for line in toml::to_string(&Settings::default()).unwrap_or_default().lines() {
            if let Some(path) = line.strip_prefix('[') {
                section = path.trim_end_matches(']').to_owned();
                out.push_str(&format!("# {}\n{line}\n", comment(&section, &schema)));
            } else if line == "services = []" {
                out.push_str(&format!(
                    "\n# {}\n{}",
                    comment("services", &schema),
                    services_example()
                ));
            } else if let Some((key, _)) = line.split_once(" = ") {
                out.push_str(&format!("# {}\n", comment(&format!("{section}.{key}"), &schema)));
                out.push_str(&format!("{line}\n"));
            } else {
                out.push_str(&format!("{line}\n"));
            }
        }
        out
    }
}

/// The doc comment of a key's field, in one line.
fn comment(path: &str, root: &Json) -> String {
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    let section = if section.is_empty() { Some(root) } else { schema_of(section, root) };
    let field = section.and_then(|section| section.get("properties")?.get(key));
    let text = field.and_then(|field| field.get("description")?.as_str()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Services have no default: an example, commented out.
fn services_example() -> String {
    let host = |name: &str| Host { name: name.to_owned(), port: 9001 };
    let service = Service {
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
        let unexplained: Vec<_> = text.lines().filter(|line| line.trim() == "#").collect();
        assert!(unexplained.is_empty(), "{text}");
        assert!(text.contains("[security.genesis_password.retry]"), "{text}");
        let example = text.lines().filter(|line| line.starts_with("# [[") || line.contains(" = "));
        let example: String =
            example.map(|line| line.trim_start_matches("# ").to_owned() + "\n").collect();
        assert!(example.contains("[[services]]"), "{example}");
    }
}
