//! Mapping of REST requests to messages: paths, headers and query parameters.
//!
//! The path `/event-login-auth` means EVENT_LOGIN_AUTH. Headers set fields, most of them at the
//! root, and `details[FEATURE]=X` in the query sets a field of DETAILS.

use crate::error_codes::{Nack, NackCode};

/// Maximum length of a path segment that is accepted as a message type, in bytes.
const LENGTH_MAX: usize = 128;

/// The MESSAGE_TYPE or data source of a path, with or without the prefix `/gwf`. `None` if the path
/// is not in the form of such a name. Whether the name exists is not checked.
pub fn message_type(path: &str) -> Option<String> {
    let name = path.strip_prefix("/gwf/").or_else(|| path.strip_prefix('/'))?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_name = (1..=LENGTH_MAX).contains(&name.len()) && name.bytes().all(fits);
    is_name.then(|| name.to_ascii_uppercase().replace('-', "_"))
}

/// The path of a MESSAGE_TYPE or data source.
pub fn path(name: &str) -> String {
    format!("/{}", name.to_ascii_lowercase().replace('_', "-"))
}

/// The fields that headers can set: fields of the root; REFRESH_AUTH_TOKEN, a field of DETAILS; and
/// SUBSCRIPTION_REF, which names a subscription and is not a field of the message.
pub const HEADERS: [&str; 6] = [
    "SOURCE_REF",
    "SESSION_AUTH_TOKEN",
    "USER_NAME",
    "SESSION_ID",
    "REFRESH_AUTH_TOKEN",
    "SUBSCRIPTION_REF",
];

/// Returns the field of [`HEADERS`] that a header sets; `None` if the header sets no field. Case is
/// ignored. `-` may replace `_`, because some proxies drop headers with underscores.
pub fn field_of_header(name: &str) -> Option<&'static str> {
    let same = |field: &&&str| {
        field.len() == name.len()
            && field.bytes().zip(name.bytes()).all(|(field, byte)| {
                field == byte.to_ascii_uppercase() || (field == b'_' && byte == b'-')
            })
    };
    HEADERS.iter().find(same).copied()
}

/// Ends of the names of parameters that are secret: upper case, letters and digits only.
const SECRETS: [&str; 3] = ["PASSWORD", "TOKEN", "MFACODE"];

/// Refuses a query string with a password, token or code, in any spelling of its name: URLs are
/// written to logs.
pub fn check_query(query: &str) -> Result<(), Nack> {
    let is_secret = |key: &str| {
        let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        SECRETS.iter().any(|secret| letters.to_ascii_uppercase().ends_with(secret))
    };
    if form_urlencoded::parse(query.as_bytes()).any(|(key, _)| is_secret(&key)) {
        let text = "passwords, tokens and codes are never read from a URL; send them as headers or \
                    in the body";
        return Err(Nack::new(NackCode::InvalidParameter, text));
    }
    Ok(())
}

/// Parses the fields of DETAILS in a query string, `details[FEATURE]=X` or `DETAILS.FEATURE=X`.
/// Refuses other parameters, and secrets.
pub fn details_of_query(query: &str) -> Result<Vec<(String, String)>, Nack> {
    let read = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let wrong = || {
            let text = "a query parameter must be details[FIELD]=… or DETAILS.FIELD=…";
            Nack::new(NackCode::InvalidParameter, text)
        };
        let (root, rest) = key.split_at_checked("DETAILS".len()).ok_or_else(wrong)?;
        let dotted = rest.strip_prefix('.');
        let field = dotted.or_else(|| rest.strip_prefix('[')?.strip_suffix(']'));
        let field = field.filter(|field| !field.is_empty() && root.eq_ignore_ascii_case("DETAILS"));
        let field = field.ok_or_else(wrong)?;
        Ok((field.to_owned(), value.into_owned()))
    };
    check_query(query)?;
    form_urlencoded::parse(query.as_bytes()).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    #[test]
    fn paths_are_message_types() {
        assert_eq!(message_type("/event-login-auth").as_deref(), Some("EVENT_LOGIN_AUTH"));
        assert_eq!(message_type("/gwf/user-rights").as_deref(), Some("USER_RIGHTS"));
        for wrong in ["", "/", "/gwf/", "/Event-Login", "/event_login", "/a/b", "/a%20", "/é"] {
            assert_eq!(message_type(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn headers_set_fields_in_any_spelling() {
        for name in ["SOURCE_REF", "source-ref", "Source-Ref", "source_ref"] {
            assert_eq!(field_of_header(name), Some("SOURCE_REF"));
        }
        assert_eq!(field_of_header("SOURCE REF"), None);
        assert_eq!(field_of_header("X-SOURCE-REF"), None);
    }

    #[test]
    fn queries_set_details_but_never_secrets() {
        let read = |query| details_of_query(query).unwrap();
        assert_eq!(read("details[FEATURE]=A%20B"), [("FEATURE".into(), "A B".into())]);
        assert_eq!(read("DETAILS.FEATURE=X&Details%5BB%5D=Y").len(), 2);
        assert!(read("").is_empty());
        for wrong in ["FEATURE=X", "details[]=x", "détails[A]=1", "details[A=1", "é=1"] {
            assert!(details_of_query(wrong).is_err(), "{wrong}");
        }
        for secret in [
            "SESSION_AUTH_TOKEN=s3cret",
            "details[SESSION_AUTH_TOKEN]=s3cret",
            "DETAILS.refresh-auth-token=s3cret",
            "details[PASSWORD]=s3cret",
            "details%5Bold_password%5D=s3cret",
            "details[New-Password]=s3cret",
            "details[MFA_CODE]=s3cret",
            "mfaCode=s3cret",
        ] {
            let nack = details_of_query(secret).unwrap_err();
            assert_eq!(nack.code(), NackCode::InvalidParameter, "{secret}");
            assert!(!format!("{nack:?}").contains("s3cret"));
        }
        assert!(check_query("FEATURE=PASSWORD&details[ACCESS_TOKEN_LIFE_TIME]=1").is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn every_message_type_reads_back(name in "[A-Z0-9]{1,20}(_[A-Z0-9]{1,20}){0,3}") {
            prop_assert_eq!(message_type(&path(&name)), Some(name));
        }

        #[test]
        fn no_input_panics(text in ".{0,200}") {
            let _ = (message_type(&text), field_of_header(&text), details_of_query(&text));
        }
    }
}
