//! The comparison of two configurations, for the reload of a running gateway.

use std::collections::{BTreeMap, BTreeSet};

use protocol::to_json_value;
use serde_json::Value;

use super::root::Settings;

/// A key and its values in a first and a second configuration, as JSON or TOML. A secret is `""`.
pub type SettingChange = (String, String, String);

impl Settings {
    /// Replaces each setting that takes effect only at start by its value in `running`. Returns the
    /// result and the keys whose new values are therefore ignored until the next start.
    pub fn keep_startup_settings(mut self, running: &Settings) -> (Settings, Vec<&'static str>) {
        let mut kept = Vec::new();
        keep("server.listen", &mut self.server.listen, &running.server.listen, &mut kept);
        let (new, old) = (&mut self.server.management_listen, &running.server.management_listen);
        keep("server.management_listen", new, old, &mut kept);
        if self.server.tls.is_on() != running.server.tls.is_on() {
            keep("server.tls", &mut self.server.tls, &running.server.tls, &mut kept);
        }
        keep("store.engine", &mut self.store.engine, &running.store.engine, &mut kept);
        let (new, old) = (&mut self.store, &running.store);
        keep("store.cache_mb", &mut new.cache_mb, &old.cache_mb, &mut kept);
        keep("store.disk_reserve_mb", &mut new.disk_reserve_mb, &old.disk_reserve_mb, &mut kept);
        let (new, old) = (&mut self.security, &running.security);
        keep("security.scrypt", &mut new.scrypt, &old.scrypt, &mut kept);
        keep(
            "security.genesis_password.validation.password_salt",
            &mut new.genesis_password.validation.password_salt,
            &old.genesis_password.validation.password_salt,
            &mut kept,
        );
        let (new, old) = (&mut self.security.mfa, &running.security.mfa);
        match (&mut new.qr_code, &old.qr_code) {
            (Some(new), Some(old)) => {
                let key = "security.mfa.qr_code.secret_encrypt_key";
                keep(key, &mut new.secret_encrypt_key, &old.secret_encrypt_key, &mut kept);
                let key = "security.mfa.qr_code.old_secret_encrypt_keys";
                let (old_keys, running_old_keys) =
                    (&mut new.old_secret_encrypt_keys, &old.old_secret_encrypt_keys);
                keep(key, old_keys, running_old_keys, &mut kept);
                let key = "security.mfa.qr_code.username_table_look_up_salt";
                let (salt, old_salt) =
                    (&mut new.username_table_look_up_salt, &old.username_table_look_up_salt);
                keep(key, salt, old_salt, &mut kept);
            }
            (None, None) => {}
            (new, old) => keep("security.mfa.qr_code", new, old, &mut kept),
        }
        (self, kept)
    }

    /// Returns the settings that differ in `other`, sorted by key. A key that only one of the two
    /// has, such as a key of an optional section, has the value "unset" in the other. A secret that
    /// both have is not listed, even if its value differs.
    pub fn changes(&self, other: &Settings) -> Vec<SettingChange> {
        let [mut old, mut new] = [BTreeMap::new(), BTreeMap::new()];
        for (settings, found) in [(self, &mut old), (other, &mut new)] {
            flatten("", &to_json_value(settings), found);
        }
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let value = |of: &BTreeMap<String, String>, key: &String| {
            of.get(key).cloned().unwrap_or_else(|| "unset".to_owned())
        };
        let changes = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
        changes.map(|key| (key.clone(), value(&old, key), value(&new, key))).collect()
    }
}

fn keep<T: Clone + PartialEq>(
    key: &'static str,
    new: &mut T,
    running: &T,
    kept: &mut Vec<&'static str>,
) {
    if new != running {
        new.clone_from(running);
        kept.push(key);
    }
}

/// Collects all keys that are set, with their values. A list is one value.
fn flatten(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, found);
            }
        }
        Value::Null => {}
        value => {
            found.insert(path.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_listed_and_startup_settings_are_kept() {
        let running = Settings::default();
        let text = "[server]\nlisten = '127.0.0.1:1'\nstrict_http_status = true\n\
            [security.genesis_password.validation]\npassword_salt = 'pepper'\n\
            [[services]]\nname = 'A'\nhosts = [{ name = 'h', port = 1 }]\n";
        let new = Settings::parse(text, std::iter::empty()).unwrap();
        let (new, kept) = new.keep_startup_settings(&running);
        assert_eq!(kept, ["server.listen", "security.genesis_password.validation.password_salt"]);
        let differences = running.changes(&new);
        let keys: Vec<_> = differences.iter().map(|(key, ..)| key.as_str()).collect();
        assert_eq!(keys, ["server.strict_http_status", "services"]);
        assert!(!format!("{differences:?}").contains("pepper"));
        assert_eq!(running.changes(&running), []);
    }
    #[test]
    fn an_optional_section_that_appears_changes_only_its_own_keys() {
        let text = "[mail]\ntransport = 'file'\n\
            [security.genesis_password.self_service_reset]\nredirect_url = 'https://d.example/r'\n";
        let new = Settings::parse(text, std::iter::empty()).unwrap();
        let changes = Settings::default().changes(&new);
        let section = "security.genesis_password.self_service_reset.";
        let others = changes.iter().filter(|(key, ..)| !key.starts_with(section));
        let others: Vec<_> = others.map(|(key, ..)| key.as_str()).collect();
        assert_eq!(others, ["mail.transport"]);
        let url = changes.iter().find(|(key, ..)| key.ends_with("redirect_url"));
        assert_eq!(url.map(|(_, old, _)| old.as_str()), Some("unset"));
        let removed = new.changes(&Settings::default());
        assert_eq!(removed.len(), changes.len());
    }
}
