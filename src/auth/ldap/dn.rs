//! Distinguished names (RFC 4514) in a normal form that can be compared.
//!
//! Directories ignore case, spaces around the parts and different escapes of a character. The
//! normal form does the same. ldap3 escapes names, but cannot compare them.

/// Returns the normal form of a DN. `None` if `dn` is not a DN.
pub fn normalize(dn: &str) -> Option<String> {
    let mut parts = vec![String::new()];
    let mut bytes = dn.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let part = parts.last_mut()?;
        match byte {
            b'\\' => {
                let first = bytes.next()?;
                let escaped = match (first as char).to_digit(16) {
                    Some(high) if bytes.peek().is_some_and(u8::is_ascii_hexdigit) => {
                        (high * 16 + (bytes.next()? as char).to_digit(16)?) as u8
                    }
                    _ => first,
                };
                // An escaped character is never a separator, and never a space to trim.
                if escaped.is_ascii_alphanumeric() {
                    part.push(escaped.to_ascii_lowercase() as char)
                } else {
                    part.push_str(&format!("\\{escaped:02x}"))
                }
            }
            b',' | b';' => parts.push(String::new()),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'=' | b' ' | b'-' => {
                part.push(byte.to_ascii_lowercase() as char);
            }
            byte => part.push_str(&format!("\\{byte:02x}")),
        }
    }
    let pairs = parts.iter().map(|part| {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        (!name.is_empty()).then(|| format!("{name}={value}"))
    });
    Some(pairs.collect::<Option<Vec<_>>>()?.join(","))
}

/// Whether an entry is the base or is below it. Both are in normal form.
pub fn is_below(entry: &str, base: &str) -> bool {
    entry == base || entry.strip_suffix(base).is_some_and(|rest| rest.ends_with(','))
}

/// Returns the value of the first part of a DN in normal form.
pub fn first_value(normal: &str) -> Option<&str> {
    let first = normal.split(',').next()?;
    first.split_once('=').map(|(_, value)| value)
}

/// Returns the normal form of a name, for comparison with the values in a DN from [`normalize`].
pub fn normalize_value(name: &str) -> String {
    normalize(&format!("x={}", ldap3::dn_escape(name)))
        .and_then(|normal| normal.strip_prefix("x=").map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_normal_form() {
        let one = normalize("CN=O\\,Brien \\28x\\29, ou=People,dc=Example,DC=org");
        assert_eq!(one, normalize("cn=o\\2cbrien (x),ou=people,dc=example,dc=org"));
        assert_ne!(one, normalize("cn=o,ou=brien,dc=example,dc=org"));
        for wrong in ["", "people", "cn=a,,dc=b", "=a", "cn=a\\"] {
            assert_eq!(normalize(wrong), None, "{wrong}");
        }
        let [entry, base, other] =
            ["cn=a,ou=people,dc=org", "ou=people, dc=org", "ou=eople,dc=org"].map(normalize);
        assert!(is_below(entry.as_ref().unwrap(), base.as_ref().unwrap()));
        assert!(!is_below(entry.as_ref().unwrap(), other.as_ref().unwrap()));
        assert_eq!(first_value(entry.as_ref().unwrap()), Some("a"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn no_name_changes_the_structure_of_a_dn_or_filter(name in ".{1,40}") {
            let dn = format!("cn={},ou=people,dc=org", ldap3::dn_escape(name.as_str()));
            let normal = normalize(&dn).unwrap();
            prop_assert_eq!(normal.matches(',').count(), 2);
            let value = normalize_value(&name);
            prop_assert_eq!(first_value(&normal), Some(value.as_str()));
            let filter = format!("(cn={})", ldap3::ldap_escape(name.as_str()));
            let inner = &filter[4..filter.len() - 1];
            prop_assert!(!inner.contains(['(', ')', '*', '\0']));
        }
    }
}
