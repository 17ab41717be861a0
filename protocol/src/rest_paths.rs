//! The REST form of messages: paths, headers and query parameters.
//!
//! `/event-login-auth` is EVENT_LOGIN_AUTH, headers are fields of the root, `details[FEATURE]=X` is
//! a field of DETAILS.

use crate::error_codes::{Nack, NackCode};

/// The longest path that names a message, in bytes.
const LENGTH_MAX: usize = 128;

/// The MESSAGE_TYPE or data source of a path, with or without the prefix `/gwf`.
pub fn message_type(path: &str) -> Option<String> {
    let name = path.strip_prefix("/gwf/").or_else(|| path.strip_prefix('/'))?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_name = (1..=LENGTH_MAX).contains(&name.len()) && name.bytes().all(fits);
    is_name.then(|| name.to_ascii_uppercase().replace('-', "_"))
}

/// The path of a MESSAGE_TYPE.
pub fn path(message_type: &str) -> String {
    format!("/{}", message_type.to_ascii_lowercase().replace('_', "-"))
}

/// Fields of the root that headers can set, spelled as in the root.
pub const HEADERS: [&str; 6] = [
    "SOURCE_REF",
    "SESSION_AUTH_TOKEN",
    "USER_NAME",
    "SESSION_ID",
    "REFRESH_AUTH_TOKEN",
    "SUBSCRIPTION_REF",
];

/// The field that a header sets, in any case; `-` may replace `_`, since proxies drop headers with
/// underscores.
pub fn field_of_header(name: &str) -> Option<&'static str> {
    let same = |field: &&&str| {
        field.len() == name.len()
            && field.bytes().zip(name.bytes()).all(|(field, byte)| {
                field == byte.to_ascii_uppercase() || (field == b'_' && byte == b'-')
            })
    };
    HEADERS.iter().find(same).copied()
}

/// The fields of DETAILS in a query string, `details[FEATURE]=X` or `DETAILS.FEATURE=X`. Other
/// parameters are refused, and so are tokens, which do not belong in a URL.
pub fn details_of_query(query: &str) -> Result<Vec<(String, String)>, Nack> {
    let read = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let wrong = || {
            let text = "a query parameter is details[FIELD]=… or DETAILS.FIELD=…, and nothing else";
            Nack::new(NackCode::InvalidParameter, text)
        };
        let (root, rest) = key.split_at_checked("DETAILS".len()).ok_or_else(wrong)?;
        let dotted = rest.strip_prefix('.');
        let field = dotted.or_else(|| rest.strip_prefix('[')?.strip_suffix(']'));
        let field = field.filter(|field| !field.is_empty() && root.eq_ignore_ascii_case("DETAILS"));
        let field = field.ok_or_else(wrong)?;
        if field.to_ascii_uppercase().ends_with("TOKEN") {
            let text = "tokens are never read from a URL; send them as headers or in the body";
            return Err(Nack::new(NackCode::InvalidParameter, text));
        }
        Ok((field.to_owned(), value.into_owned()))
    };
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
    fn headers_are_fields_in_any_spelling() {
        for name in ["SOURCE_REF", "source-ref", "Source-Ref", "source_ref"] {
            assert_eq!(field_of_header(name), Some("SOURCE_REF"));
        }
        assert_eq!(field_of_header("SOURCE REF"), None);
        assert_eq!(field_of_header("X-SOURCE-REF"), None);
    }

    #[test]
    fn queries_are_details_and_never_tokens() {
        let read = |query| details_of_query(query).unwrap();
        assert_eq!(read("details[FEATURE]=A%20B"), [("FEATURE".into(), "A B".into())]);
        assert_eq!(read("DETAILS.FEATURE=X&Details%5BB%5D=Y").len(), 2);
        assert!(read("").is_empty());
        for wrong in ["FEATURE=X", "details[]=x", "détails[A]=1", "details[A=1", "é=1"] {
            assert!(details_of_query(wrong).is_err(), "{wrong}");
        }
        for token in ["SESSION_AUTH_TOKEN=s3cret", "details[SESSION_AUTH_TOKEN]=s3cret"] {
            let nack = details_of_query(token).unwrap_err();
            assert!(!format!("{nack:?}").contains("s3cret"));
        }
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
