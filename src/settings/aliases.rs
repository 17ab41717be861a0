//! Aliases of configuration keys.
//!
//! Each alias is a key name of a former version of tollgate, or of a sample in the Genesis
//! documentation. It is accepted with a warning.

use toml::{Table, Value};

/// Each alias and its key. In a table, the last part of an alias may also be in camel case.
pub(super) const ALIASES: &[(&str, &str)] = &[
    // Key names of former versions of tollgate.
    ("server.allow_plain", "server.allow_plaintext"),
    ("server.limits.login_wait_secs", "server.limits.login_timeout_secs"),
    ("server.limits.slow_reader_secs", "server.limits.write_timeout_secs"),
    (
        "server.limits.calls_in_flight_per_connection",
        "server.limits.queued_messages_per_connection",
    ),
    ("store.reserve_mb", "store.disk_reserve_mb"),
    ("store.retain_log_days", "store.log_retention_days"),
    ("store.audit_retain_days", "store.audit_retention_days"),
    ("security.when_sessions_are_full", "security.session_limit_action"),
    ("security.one_time_token_verify", "security.one_time_token_verify_by"),
    ("security.strict_amend", "security.absent_list_clears"),
    // Key names in the samples of the Genesis documentation.
    (
        "security.genesis_password.validation.password_strength.restrict_white_space",
        "security.genesis_password.validation.password_strength.restrict_whitespace",
    ),
    ("security.retry", "security.genesis_password.retry"),
    ("security.password_retry", "security.genesis_password.retry"),
    ("security.genesis_password.password_retry", "security.genesis_password.retry"),
    ("security.genesis_password.validation.retry", "security.genesis_password.retry"),
    ("security.genesis_password.validation.password_retry", "security.genesis_password.retry"),
    ("security.mfa.code_period_seconds", "security.mfa.qr_code.code_period_seconds"),
    ("security.mfa.code_period_discrepancy", "security.mfa.qr_code.code_period_discrepancy"),
    ("security.mfa.code_period_discrepency", "security.mfa.qr_code.code_period_discrepancy"),
    (
        "security.mfa.qr_code.code_period_discrepency",
        "security.mfa.qr_code.code_period_discrepancy",
    ),
    ("security.mfa.code_digits", "security.mfa.qr_code.code_digits"),
    ("security.mfa.hashing_algorithm", "security.mfa.qr_code.hashing_algorithm"),
    ("security.mfa.issuer", "security.mfa.qr_code.issuer"),
    ("security.mfa.label", "security.mfa.qr_code.label"),
    ("security.mfa.confirm_wait_period_secs", "security.mfa.qr_code.confirm_wait_period_secs"),
    ("security.mfa.secret_encrypt_key", "security.mfa.qr_code.secret_encrypt_key"),
    (
        "security.mfa.username_table_look_up_salt",
        "security.mfa.qr_code.username_table_look_up_salt",
    ),
    (
        "security.authentication.ldap.connection.search_base",
        "security.authentication.ldap.connection.search_bases",
    ),
];

/// Replaces an alias in a dotted path by its key. The alias may be the whole path or its beginning.
pub(super) fn canonical_path(path: &str) -> String {
    let inside = |(alias, key): &(&str, &str)| {
        let rest = path.strip_prefix(alias)?;
        (rest.is_empty() || rest.starts_with('.')).then(|| format!("{key}{rest}"))
    };
    ALIASES.iter().find_map(inside).unwrap_or_else(|| path.to_owned())
}

/// Renames the aliases in a table. Returns the renamed ones: each alias as written, and its key. If
/// the key is also set and both values are tables without a common key, the two tables are joined.
/// In all other cases in which the key is also set, the alias is not renamed, so that it is refused
/// as an unknown key.
pub fn resolve(table: &mut Table) -> Vec<(String, &'static str)> {
    let mut renamed = Vec::new();
    for (alias, key) in ALIASES {
        let (section, name) = alias.rsplit_once('.').unwrap_or(("", alias));
        for name in [name.to_owned(), camel(name)] {
            if rename(table, section, &name, key) {
                renamed.push((crate::settings::schema::join(section, &name), *key));
            }
        }
    }
    renamed
}

/// Renames one alias, in every element if a section is a list. Returns whether any was renamed.
fn rename(table: &mut Table, section: &str, name: &str, key: &str) -> bool {
    let (head, rest) = section.split_once('.').unwrap_or((section, ""));
    match (key.strip_prefix(head).and_then(|key| key.strip_prefix('.')), table.get_mut(head)) {
        _ if section.is_empty() => {}
        (Some(key), Some(Value::Table(inner))) => return rename(inner, rest, name, key),
        (Some(key), Some(Value::Array(items))) => {
            let tables = items.iter_mut().filter_map(Value::as_table_mut);
            return tables.map(|it| rename(it, rest, name, key)).filter(|done| *done).count() > 0;
        }
        // The paths of the alias and of the key differ here, or the section of the alias is absent.
        _ => {}
    }
    let Some(value) = remove(table, section, name) else { return false };
    let put_back = |table: &mut Table, value| {
        insert(table, &crate::settings::schema::join(section, name), value)
    };
    match insert(table, key, value) {
        Ok(()) => true,
        Err(value) => put_back(table, value).is_err(),
    }
}

/// Returns the camel-case spelling: `restrictWhiteSpace` for `restrict_white_space`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |all, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        format!("{all}{}{tail}", head.to_uppercase())
    })
}

fn section<'a>(table: &'a mut Table, path: &str) -> Option<&'a mut Table> {
    path.split('.').filter(|key| !key.is_empty()).try_fold(table, |table, key| {
        match table.get_mut(key)? {
            Value::Table(inner) => Some(inner),
            _ => None,
        }
    })
}

fn remove(table: &mut Table, path: &str, name: &str) -> Option<Value> {
    section(table, path)?.remove(name)
}

/// Inserts a value at a dotted path. If the key is set, tables without a common key are joined; in
/// all other cases the value is returned as the error.
fn insert(table: &mut Table, path: &str, value: Value) -> Result<(), Value> {
    let (path, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut inner = table;
    for key in path.split('.').filter(|key| !key.is_empty()) {
        let next = inner.entry(key).or_insert_with(|| Value::Table(Table::new()));
        match next {
            Value::Table(next) => inner = next,
            _ => return Err(value),
        }
    }
    match (inner.get_mut(name), value) {
        (None, value) => drop(inner.insert(name.to_owned(), value)),
        (Some(Value::Table(old)), Value::Table(new))
            if !new.keys().any(|it| old.contains_key(it)) =>
        {
            old.extend(new);
        }
        (Some(_), value) => return Err(value),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alias_is_renamed_to_its_key_in_both_spellings() {
        for (alias, key) in ALIASES {
            let (section, name) = alias.rsplit_once('.').unwrap();
            for name in [name.to_owned(), camel(name)] {
                let mut table = Table::new();
                insert(&mut table, &format!("{section}.{name}"), Value::Integer(7)).unwrap();
                assert_eq!(resolve(&mut table), [(format!("{section}.{name}"), *key)]);
                let (section, name) = key.rsplit_once('.').unwrap();
                assert_eq!(remove(&mut table, section, name), Some(Value::Integer(7)), "{key}");
            }
        }
    }

    #[test]
    fn an_alias_is_found_in_every_element_of_a_list() {
        let mut table: Table = "[[security.authentication.ldap.connection]]\nsearch_base = ['a']\n\
            [[security.authentication.ldap.connection]]\nsearchBase = ['b']"
            .parse()
            .unwrap();
        assert_eq!(resolve(&mut table).len(), 2);
        assert_eq!(table.to_string().matches("search_bases = ").count(), 2, "{table}");
    }

    #[test]
    fn an_alias_of_a_key_that_is_set_is_renamed_only_if_the_tables_can_be_joined() {
        let mut table: Table = "[security.genesis_password.retry]\nmax_attempts = 1\n\
            [security.retry]\nmax_attempts = 2"
            .parse()
            .unwrap();
        assert!(resolve(&mut table).is_empty());
        assert!(section(&mut table, "security.retry").is_some());
        let mut table: Table = "[security.genesis_password.retry]\nmax_attempts = 1\n\
            [security.passwordRetry]\nwait_time_mins = 2"
            .parse()
            .unwrap();
        assert_eq!(resolve(&mut table).len(), 1);
        assert_eq!(section(&mut table, "security.genesis_password.retry").unwrap().len(), 2);
    }
}
