//! Where settings come from: a file, the environment; and what is wrong with them.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::{Table, Value};

use super::Settings;

/// Why the configuration cannot be used: where, what, what to do.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is not there or not readable.
    #[error("{path} cannot be read: {source}")]
    #[expect(missing_docs, reason = "named by the text")]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not TOML.
    #[error("the configuration is not TOML: {0}")]
    Syntax(String),
    /// A key does not exist.
    #[error("the configuration has the unknown key {key}{}", hint(.nearest))]
    #[expect(missing_docs, reason = "named by the text")]
    UnknownKey { key: String, nearest: Option<String> },
    /// A value has the wrong type.
    #[error("the configuration cannot be used: {0}")]
    Type(String),
    /// Values are out of range or contradict each other.
    #[error("the configuration is wrong:\n  {}", .0.join("\n  "))]
    Invalid(Vec<String>),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}

/// Variables of the environment that are settings begin so and have `__` between section and key.
const PREFIX: &str = "TOLLGATE_";

impl Settings {
    /// Reads the file, if any, and what the environment sets over it.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|source| SettingsError::Read { path: path.to_owned(), source })
        };
        let text = file.map(read).transpose()?.unwrap_or_default();
        Self::parse(&text, environment)
    }

    /// The same for the text of a file.
    pub fn parse(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
            // The message alone: the quoted source could hold a secret.
            let line = error.span().map(|span| text[..span.start].lines().count().max(1));
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            SettingsError::Syntax(format!("{at}{}", error.message()))
        })?;
        for (name, value) in environment {
            if let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains("__")) {
                set(&mut table, &path.to_lowercase(), &value)?;
            }
        }
        let schema = super::document::schema();
        check_keys(&table, &schema, &schema, "")?;
        Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| SettingsError::Type(error.message().to_owned()))
    }
}

/// Puts one variable into the table: `security__scrypt__log_n` = `15`.
fn set(table: &mut Table, path: &str, text: &str) -> Result<(), SettingsError> {
    let quoted = || Value::String(text.to_owned());
    let value = format!("v = {text}").parse::<Table>().ok().and_then(|mut it| it.remove("v"));
    let value = value.unwrap_or_else(quoted);
    let mut keys: Vec<&str> = path.split("__").collect();
    let last = keys.pop().unwrap_or_default();
    let mut place = table;
    for key in keys {
        let next = place.entry(key).or_insert_with(|| Value::Table(Table::new()));
        let not_a_section = || SettingsError::Type(format!("{key} is not a section"));
        place = next.as_table_mut().ok_or_else(not_a_section)?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

/// Every key must be one that the structs have; the nearest one is named.
fn check_keys(table: &Table, schema: &Json, root: &Json, path: &str) -> Result<(), SettingsError> {
    let known = super::document::properties(schema, root);
    for (key, value) in table {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let Some(inner) = known.iter().find(|(name, _)| name == key).map(|(_, inner)| *inner)
        else {
            let distance = |name: &str| strsim::damerau_levenshtein(name, key);
            let nearest = known.iter().map(|(name, _)| name).min_by_key(|name| distance(name));
            let near = nearest.filter(|name| distance(name) <= 1 + key.len() / 2);
            let nearest = near.map(|name| full.replace(key.as_str(), name));
            return Err(SettingsError::UnknownKey { key: full, nearest });
        };
        match value {
            Value::Table(table) => check_keys(table, inner, root, &full)?,
            Value::Array(items) => {
                let inner = inner.get("items").unwrap_or(&Json::Null);
                for table in items.iter().filter_map(Value::as_table) {
                    check_keys(table, inner, root, &full)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, SettingsError> {
        Settings::parse(text, std::iter::empty())
    }

    #[test]
    fn the_file_wins_over_defaults_and_the_environment_over_the_file() {
        let environment = [
            ("TOLLGATE_SECURITY__SCRYPT__LOG_N", "11"),
            ("TOLLGATE_SERVER__PRODUCT_NAME", "desk"),
            ("TOLLGATE_SERVER__LIMITS__EXEMPT_ADDRESSES", "[\"10.0.0.0/8\"]"),
            ("TOLLGATE_ADMIN_PASSWORD", "not a setting"),
        ];
        let pairs = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let text = "[security.scrypt]\nlog_n = 4\np = 1\n[[services]]\nname = \"A\"\n\
                    hosts = [{ name = \"h\", port = 1 }]\n";
        let settings = Settings::parse(text, pairs.into_iter()).unwrap();
        assert_eq!((settings.security.scrypt.log_n, settings.security.scrypt.p), (11, 1));
        assert_eq!(settings.server.product_name, "desk");
        assert_eq!(settings.server.limits.exempt_addresses.len(), 1);
        assert_eq!(settings.services[0].hosts[0].port, 1);
        settings.validate().unwrap();
    }

    #[test]
    fn an_unknown_key_stops_the_start_and_names_the_nearest() {
        let shown = |text| parse(text).unwrap_err().to_string();
        assert!(shown("[server]\nlisten_to = 1").contains("server.listen_to"));
        assert!(shown("[server]\nlisten_to = 1").contains("did you mean server.listen?"));
        assert!(shown("[security.scrypt]\nlogn = 1").contains("security.scrypt.log_n"));
        assert!(shown("[[services]]\nnam = 'x'").contains("services.name"));
        assert!(matches!(parse("[server"), Err(SettingsError::Syntax(_))));
        assert!(matches!(parse("[server]\nlisten = 1"), Err(SettingsError::Type(_))));
    }

    #[test]
    fn contradictions_are_told_together_and_secrets_are_not() {
        let text = "[server]\nlisten = '0.0.0.0:1'\nlocation = 'x'\n[security]\n\
                    refresh_token_expiration_mins = 1\n[security.genesis_password.validation]\n\
                    password_salt = 'pepper'";
        let settings = parse(text).unwrap();
        let Err(SettingsError::Invalid(wrong)) = settings.validate() else { panic!("it is wrong") };
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(!format!("{settings:?}").contains("pepper"));
    }
}
