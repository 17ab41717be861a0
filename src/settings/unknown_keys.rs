//! The check for unknown keys, which suggests the nearest key.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::error::SettingsError;
use super::schema::{join, properties};

/// Checks that the schema has every key of the table.
pub(super) fn check(table: &Table, schema: &Json) -> Result<(), SettingsError> {
    check_section(table, schema, schema, "")
}

fn check_section(
    table: &Table,
    schema: &Json,
    root: &Json,
    path: &str,
) -> Result<(), SettingsError> {
    let fields = properties(schema, root);
    // A schema without fields describes a map, which may have any key, or a value. A table in place
    // of a value is later reported as a wrong type, so its keys are not reported here.
    let keys = table.iter().filter(|_| !fields.is_empty());
    for (key, value) in keys {
        let full = join(path, key);
        let Some((_, inner)) = fields.iter().find(|(name, _)| name == key) else {
            return Err(SettingsError::UnknownKey { nearest: nearest(path, key, root), key: full });
        };
        match value {
            Value::Table(table) => check_section(table, inner, root, &full)?,
            Value::Array(items) => {
                let inner = inner.get("items").unwrap_or(&Json::Null);
                for table in items.iter().filter_map(Value::as_table) {
                    check_section(table, inner, root, &full)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the key with the most similar spelling, preferably in the same section; `None` if no key
/// is similar.
fn nearest(path: &str, key: &str, root: &Json) -> Option<String> {
    let mut keys = Vec::new();
    collect(root, root, "", &mut keys);
    let meant = plain(key);
    let ranked = keys.into_iter().map(|(section, name)| {
        let distance = strsim::damerau_levenshtein(&plain(&name), &meant);
        (distance, section != path, join(&section, &name))
    });
    let (distance, _, nearest) = ranked.min()?;
    (distance <= (meant.len() / 3).max(1)).then_some(nearest)
}

/// Returns a spelling for comparison. It is the same for `session_timeout_mins` and for its name in
/// Genesis authentication, `sessionTimeoutMins`.
fn plain(key: &str) -> String {
    key.replace(['_', '-'], "").to_lowercase()
}

/// Collects all keys with their sections.
fn collect(schema: &Json, root: &Json, path: &str, keys: &mut Vec<(String, String)>) {
    for (name, inner) in properties(schema, root) {
        let full = join(path, &name);
        keys.push((path.to_owned(), name));
        collect(inner.get("items").unwrap_or(inner), root, &full, keys);
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::error::SettingsError;
    use crate::settings::root::Settings;

    #[test]
    fn the_nearest_key_is_found_in_any_section() {
        let nearest = |text| match Settings::parse(text, std::iter::empty()) {
            Err(SettingsError::UnknownKey { nearest, .. }) => nearest.unwrap_or_default(),
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("[server]\ninterval_secs = 3"), "heartbeat.interval_secs");
        assert_eq!(nearest("[security]\nsessionTimeoutMins = 3"), "security.session_timeout_mins");
        assert_eq!(nearest("[security.retri]"), "security.genesis_password.retry");
        assert_eq!(nearest("[server]\nserve = 3"), "server");
        assert_eq!(nearest("[[services]]\nname='a'\nhosts=[{prt=1}]"), "services.hosts.port");
        assert_eq!(nearest("xyzzy = 1"), "");
    }
}
