//! Loading of settings from the configuration file and the environment.
//!
//! Crates for layered settings (figment, config) are not used. They record the source of each
//! value, but they neither suggest the nearest key for an unknown key, nor accept aliases, nor
//! generate the reference.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::error::SettingsError;
use super::merge::merge;
use super::root::Settings;
use super::{aliases, unknown_keys};

/// The prefix of environment variables that are settings. Such a name also contains `__`, between
/// section and key. Variables without the prefix or without `__` are ignored.
const PREFIX: &str = "TOLLGATE_";

impl Settings {
    /// Loads the file, if any, and the environment variables, which override the file.
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

    /// Loads the settings as [`Self::load`] does, from the text of a file.
    pub fn parse(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
            // Only the message is used, because the source line that the error quotes could contain
            // a secret.
            let before = error.span().and_then(|span| text.get(..span.start));
            let at = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
            SettingsError::Syntax(format!("{}{}", at.unwrap_or_default(), error.message()))
        })?;
        let schema = crate::settings::schema::schema();
        resolve_aliases(&mut table);
        unknown_keys::check(&table, &schema)?;
        let variables = read_variables(environment)?;
        for (key, (variable, value)) in &variables {
            set(&mut table, &schema, key, value)
                .map_err(|reason| invalid_variable(variable, reason))?;
        }
        let table = crate::settings::mode::apply_mode_defaults(table);
        serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
            let (key, reason) = (error.path().to_string(), error.inner().message());
            let reason = format!("{key}: {reason}");
            let mut last_applied_first = variables.iter().rev();
            match last_applied_first.find(|(path, _)| concerns(path, &key)) {
                Some((_, (variable, _))) => invalid_variable(variable, reason),
                None => SettingsError::Type(reason),
            }
        })
    }
}

/// Returns the variables that are settings: for each key, the name and the value of its variable.
/// The order by key ensures that a variable for a whole section is applied before the variables for
/// keys of that section.
fn read_variables(
    environment: impl Iterator<Item = (String, String)>,
) -> Result<BTreeMap<String, (String, String)>, SettingsError> {
    let mut variables: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (variable, value) in environment {
        let Some(path) = variable.strip_prefix(PREFIX).filter(|path| path.contains("__")) else {
            continue;
        };
        let alias = path.to_lowercase().replace("__", ".");
        let key = aliases::canonical_path(&alias);
        if alias != key {
            tracing::warn!(variable, alias, key, "an environment variable used an alias of a key");
        }
        match variables.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert((variable, value))),
            Entry::Occupied(entry) => {
                let reason = format!(
                    "{} sets the same key {}; unset one of the two",
                    entry.get().0,
                    entry.key()
                );
                return Err(invalid_variable(&variable, reason));
            }
        }
    }
    Ok(variables)
}

fn invalid_variable(variable: &str, reason: String) -> SettingsError {
    SettingsError::Environment { variable: variable.to_owned(), reason }
}

/// Whether two keys are equal or one key is inside the other.
fn concerns(path: &str, key: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    within(key, path) || within(path, key)
}

/// Renames the aliases in a table and logs a warning for each.
fn resolve_aliases(table: &mut Table) {
    for (alias, key) in aliases::resolve(table) {
        tracing::warn!(alias, key, "the configuration uses an alias of a key");
    }
}

/// Sets the value of one variable in the table. The error states what is wrong with the variable.
fn set(table: &mut Table, schema: &Json, path: &str, text: &str) -> Result<(), String> {
    let mut one = read(crate::settings::schema::schema_for(path, schema), text);
    for key in path.rsplit('.') {
        one = Value::Table(Table::from_iter([(key.to_owned(), one)]));
    }
    let Value::Table(mut one) = one else { return Ok(()) };
    resolve_aliases(&mut one);
    unknown_keys::check(&one, schema).map_err(|error| error.to_string())?;
    merge(table, one);
    Ok(())
}

/// Converts the characters of a variable to a value. For a key of type string, they are used
/// unchanged, so that a salt of digits stays a string; only TOML quotes around them are removed.
/// For all other keys, they are parsed as TOML, or used as a string if they are not TOML.
fn read(schema: Option<&Json>, text: &str) -> Value {
    let is_text = schema.is_some_and(|schema| schema.get("type") == Some(&Json::from("string")));
    let value = text.parse::<Value>().ok().filter(|value| !is_text || value.is_str());
    value.unwrap_or_else(|| Value::String(text.to_owned()))
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
    fn an_unknown_key_is_an_error_that_suggests_the_nearest() {
        let shown = |text| parse(text).unwrap_err().to_string();
        assert!(shown("[server]\nlisten_to = 1").contains("server.listen_to"));
        assert!(shown("[server]\nlisten_to = 1").contains("did you mean server.listen?"));
        assert!(shown("[security.scrypt]\nlogn = 1").contains("security.scrypt.log_n"));
        assert!(shown("[[services]]\nnam = 'x'").contains("services.name"));
        assert!(matches!(parse("[server"), Err(SettingsError::Syntax(_))));
        assert!(matches!(parse("[server]\nlisten = 1"), Err(SettingsError::Type(_))));
    }

    #[test]
    fn contradictions_are_reported_together_without_secrets() {
        let text = "[server]\nlisten = '0.0.0.0:1'\nlocation = 'x'\n[security]\n\
                    refresh_token_expiration_mins = 1\n[security.genesis_password.validation]\n\
                    password_salt = 'pepper'";
        let settings = parse(text).unwrap();
        let Err(SettingsError::Invalid(wrong)) = settings.validate() else { panic!("no error") };
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(!format!("{settings:?}").contains("pepper"));
    }

    fn with(variable: &str, value: &str) -> Result<Settings, SettingsError> {
        Settings::parse("", std::iter::once((variable.to_owned(), value.to_owned())))
    }

    const SALT: &str = "TOLLGATE_SECURITY__GENESIS_PASSWORD__VALIDATION__PASSWORD_SALT";

    #[test]
    fn the_variable_of_a_text_is_used_unchanged() {
        for salt in ["123456", "true", "7 # per", "2024-01-01", "[a]", "a\nb", ""] {
            let settings = with(SALT, salt).unwrap();
            let validation = settings.security.genesis_password.validation;
            assert_eq!(validation.password_salt.expose(), salt);
        }
        let quoted = with("TOLLGATE_SERVER__PRODUCT_NAME", "\"desk\"").unwrap();
        assert_eq!(quoted.server.product_name, "desk");
    }

    #[test]
    fn errors_name_the_variable_key_or_line() {
        let shown = |variable, value| with(variable, value).unwrap_err().to_string();
        let listn = shown("TOLLGATE_SERVER__LISTN", "x");
        assert!(listn.contains("TOLLGATE_SERVER__LISTN") && listn.contains("mean server.listen?"));
        assert!(shown("TOLLGATE_SECURITY__SCRYPT__LOG_N", "x").contains("_LOG_N is invalid"));
        assert!(shown("TOLLGATE_SERVER__LISTEN__X", "1").contains("__LISTEN__X is invalid"));
        assert!(shown("TOLLGATE_SERVER__LIMITS__FRAME_BYTES", "1\nx = 2").contains("FRAME_BYTES"));
        let shown = |text| parse(text).unwrap_err().to_string();
        assert!(shown("[server.limits]\njson_depth = -1").contains("server.limits.json_depth: "));
        assert!(shown("[[services]]\nname = 'A'").contains("services[0]: missing field `hosts`"));
        assert!(shown("[server]\n\nlisten = = 1").contains("line 3: "));
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        let section = "[security.genesis_password.validation]\npassword_salt =";
        for value in ["987654", "987654.5", "['987654']", "{ a = 987654 }", "'987654", "987654'"] {
            let error = parse(&format!("{section} {value}")).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("987654"), "{error}");
        }
    }

    #[test]
    fn a_variable_for_a_section_keeps_the_other_keys_of_the_section() {
        let pairs = [
            ("TOLLGATE_SERVER__LIMITS__FRAME_BYTES", "4"),
            ("TOLLGATE_SERVER__LIMITS", "{ frame_bytes = 3, outbox_bytes = 5 }"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let text = "[server.limits]\njson_depth = 40";
        let limits = Settings::parse(text, pairs.into_iter()).unwrap().server.limits;
        assert_eq!((limits.json_depth, limits.frame_bytes, limits.outbox_bytes), (40, 4, 5));
    }

    /// A configuration with every former key; [`CURRENT`] has the same values under the current
    /// keys.
    const FORMER: &str = "mode = 'seed'\n\
        [server]\nallow_plain = true\nsystem_date_format = 's2'\n\
        [server.limits]\nlogin_wait_secs = 7\nslow_reader_secs = 8\n\
        calls_in_flight_per_connection = 9\n\
        [store]\nreserve_mb = 1\nretain_log_days = 2\naudit_retain_days = 3\n\
        [security]\nwhen_sessions_are_full = 'evict_oldest'\n\
        one_time_token_verify = 'open'\nstrict_amend = true\n";
    const CURRENT: &str = "mode = 'compatible'\n\
        [server]\nallow_plaintext = true\nsystem_date_format = 'genesis_auth'\n\
        [server.limits]\nlogin_timeout_secs = 7\nwrite_timeout_secs = 8\n\
        queued_messages_per_connection = 9\n\
        [store]\ndisk_reserve_mb = 1\nlog_retention_days = 2\naudit_retention_days = 3\n\
        [security]\nsession_limit_action = 'evict_oldest'\n\
        one_time_token_verify_by = 'open'\nabsent_list_clears = true\n";

    #[test]
    fn former_keys_and_values_mean_the_same() {
        let settings = parse(CURRENT).unwrap();
        assert_eq!(parse(FORMER).unwrap(), settings);
        let changed = Settings::default().changes(&settings);
        // All keys except the mode: its former value means the default.
        assert_eq!(changed.len(), 11, "{changed:?}");
        let rest = parse("[server]\nsystem_date_format = 's0'").unwrap();
        assert_eq!(rest, Settings::default());
    }

    /// Converts the lines of a configuration to environment variables.
    fn as_variables(text: &str) -> Vec<(String, String)> {
        let (mut section, mut variables) = (String::new(), Vec::new());
        for line in text.lines() {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']').replace('.', "__") + "__";
            } else if let Some((key, value)) = line.split_once(" = ") {
                let name = format!("{PREFIX}{section}{key}").to_uppercase();
                variables.push((name, value.trim_matches('\'').to_owned()));
            }
        }
        variables
    }

    #[test]
    fn variables_may_use_former_keys() {
        let former = Settings::parse("", as_variables(FORMER).into_iter()).unwrap();
        assert_eq!(former, parse(&CURRENT.replace("mode = 'compatible'", "")).unwrap());
        // A variable wins over the file, whichever of the two uses the former key.
        let text = "[server.limits]\nlogin_timeout_secs = 1\nslow_reader_secs = 1";
        let pairs = [
            ("TOLLGATE_SERVER__LIMITS__LOGIN_WAIT_SECS", "2"),
            ("TOLLGATE_SERVER__LIMITS__WRITE_TIMEOUT_SECS", "3"),
        ];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let limits = Settings::parse(text, pairs.into_iter()).unwrap().server.limits;
        assert_eq!((limits.login_timeout_secs, limits.write_timeout_secs), (2, 3));
        // Former keys are also accepted in the value of a whole section and as the name of a
        // section.
        let limits = with("TOLLGATE_SERVER__LIMITS", "{ login_wait_secs = 4 }").unwrap();
        assert_eq!(limits.server.limits.login_timeout_secs, 4);
        let retry = with("TOLLGATE_SECURITY__RETRY__MAX_ATTEMPTS", "5").unwrap();
        assert_eq!(retry.security.genesis_password.retry.max_attempts, 5);
    }

    #[test]
    fn an_error_names_the_variable_that_was_set() {
        let error = with("TOLLGATE_STORE__RESERVE_MB", "x").unwrap_err().to_string();
        assert!(error.contains("TOLLGATE_STORE__RESERVE_MB is invalid"), "{error}");
        assert!(error.contains("store.disk_reserve_mb"), "{error}");
        let twice = ["TOLLGATE_STORE__RESERVE_MB", "TOLLGATE_STORE__DISK_RESERVE_MB"];
        let twice = twice.map(|name| (name.to_owned(), "1".to_owned()));
        let error = Settings::parse("", twice.into_iter()).unwrap_err().to_string();
        assert!(error.contains("sets the same key store.disk_reserve_mb"), "{error}");
    }

    #[test]
    fn the_configuration_of_performance_runs_is_valid() {
        let text = "[server.limits]\n\
            connections_per_address_max = 100000\n\
            messages_per_sec_per_connection = 10000000\n\
            exempt_addresses = ['127.0.0.0/8']\n\
            [heartbeat]\nmisses_allowed = 0\n\
            [[services]]\nname = 'SBL_EVENT_HANDLER'\nencrypted = false\n\
            hosts = [{ name = 'genesisserv1', port = 9001 }, \
            { name = 'genesisserv2', port = 9001 }]\n\
            [[services]]\nname = 'SBL_DATA_SERVER'\nencrypted = false\n\
            hosts = [{ name = 'genesisserv1', port = 9002 }, \
            { name = 'genesisserv2', port = 9002 }]\n\
            [service_list]\nhealth_check_secs = 0\n\
            [security.scrypt]\nlog_n = 4\nr = 8\np = 1\n";
        let settings = parse(text).unwrap();
        settings.validate().unwrap();
        assert_eq!((settings.services.len(), settings.heartbeat.misses_allowed), (2, 0));
        assert!(settings.server.limits.exempt_addresses[0].contains([127, 0, 0, 1].into()));
    }
}
