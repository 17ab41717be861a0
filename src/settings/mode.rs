//! The defaults of hardened mode.

use std::sync::LazyLock;

use toml::{Table, Value};

use super::sections::Mode;

/// The defaults of `mode = "hardened"`, as a configuration; all other keys have their usual
/// defaults. `allow_plaintext` is false in both modes; it is listed so that
/// `Settings::hardened_overrides` reports the value true.
pub const HARDENED: &str = r#"
[server]
allow_plaintext = false

[security]
login_errors = "uniform"
reset_mode = "one_time_password"
hide_versions = true
hide_hosts = true
max_session_hours = 24.0
max_simultaneous_user_logins = 5

[security.genesis_password.validation.password_strength]
minimum_length = 12
restrict_password = true
restrict_user_name = true

[security.genesis_password.retry]
scope = "user_and_address"
"#;

/// [`HARDENED`], parsed.
static HARDENED_TABLE: LazyLock<Table> = LazyLock::new(|| {
    HARDENED.parse().unwrap_or_else(|error| panic!("the hardened defaults are not TOML: {error}"))
});

/// If the mode is hardened, adds its defaults for the keys that are not set.
pub(super) fn apply_mode_defaults(written: Table) -> Table {
    if written.get("mode").and_then(Value::as_str) != Some("hardened") {
        return written;
    }
    let mut all = HARDENED_TABLE.clone();
    crate::settings::merge::merge(&mut all, written);
    all
}

impl crate::settings::root::Settings {
    /// Returns the settings that differ from a default of hardened mode: key, hardened default,
    /// value. Empty if the mode is not hardened.
    pub fn hardened_overrides(&self) -> Vec<crate::settings::diff::SettingChange> {
        let mut found = Vec::new();
        if let (Mode::Hardened, Ok(own)) = (self.mode, Table::try_from(self)) {
            compare("", &HARDENED_TABLE, &own, &mut found);
        }
        found
    }
}

fn compare(
    path: &str,
    hard: &Table,
    own: &Table,
    found: &mut Vec<crate::settings::diff::SettingChange>,
) {
    for (key, hard) in hard {
        let full = crate::settings::schema::join(path, key);
        match (hard, own.get(key)) {
            (Value::Table(hard), Some(Value::Table(own))) => compare(&full, hard, own, found),
            (hard, Some(own)) if is_weaker(key, hard, own) => {
                found.push((full, hard.to_string(), own.to_string()));
            }
            _ => {}
        }
    }
}

/// Whether a value is weaker than the default of hardened mode. Of a maximum, 0 is no limit.
fn is_weaker(key: &str, hard: &Value, own: &Value) -> bool {
    let number = |value: &Value| value.as_float().or(value.as_integer().map(|it| it as f64));
    match (number(hard), number(own)) {
        (Some(hard), Some(own)) if key.starts_with("min") => own < hard,
        (Some(hard), Some(own)) => own <= 0.0 || own > hard,
        _ => hard != own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::root::Settings;

    fn parse(text: &str) -> Settings {
        Settings::parse(text, std::iter::empty()).unwrap()
    }

    #[test]
    fn hardened_mode_changes_defaults_and_keys_override_them() {
        let hard = parse("mode = 'hardened'");
        hard.validate().unwrap();
        let mut wanted = Settings { mode: Mode::Hardened, ..Settings::default() };
        wanted.security.login_errors = crate::settings::sections::LoginErrors::Uniform;
        wanted.security.reset_mode = crate::settings::sections::ResetMode::OneTimePassword;
        (wanted.security.hide_versions, wanted.security.hide_hosts) = (true, true);
        wanted.security.genesis_password.retry.scope =
            crate::settings::sections::LockScopeSetting::UserAndAddress;
        wanted.security.max_session_hours = 24.0;
        wanted.security.max_simultaneous_user_logins = 5;
        let strength = &mut wanted.security.genesis_password.validation.password_strength;
        strength.minimum_length = Some(12);
        (strength.restrict_password, strength.restrict_user_name) = (true, true);
        assert_eq!(hard, wanted);
        assert!(hard.hardened_overrides().is_empty());

        let softer = parse(
            "mode = 'hardened'\n[security]\nhide_hosts = false\n[server]\nallow_plaintext = true",
        );
        assert!(!softer.security.hide_hosts && softer.security.hide_versions);
        let keys: Vec<_> = softer.hardened_overrides().into_iter().map(|(key, ..)| key).collect();
        assert_eq!(keys, ["security.hide_hosts", "server.allow_plaintext"]);
        assert!(parse("[security]\nhide_hosts = true").hardened_overrides().is_empty());
        let hours = |hours: &str| {
            parse(&format!("mode = 'hardened'\n[security]\nmax_session_hours = {hours}"))
        };
        assert!(hours("8.5").hardened_overrides().is_empty());
        assert_eq!([hours("0"), hours("25")].map(|it| it.hardened_overrides().len()), [1, 1]);
    }
}
