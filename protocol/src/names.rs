//! Validated names (users, rights, profiles) and secret types that cannot be printed.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use smol_str::SmolStr;

/// The error for text that is not a valid name. Describes the expected name; in TEXT of a
/// VALIDATION_ERROR, this description follows the word "expected".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidName(pub &'static str);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl std::error::Error for InvalidName {}

/// A user name: 1–64 characters of `A–Z a–z 0–9 . _ @ -`. Names that differ only in ASCII case are
/// equal; the original spelling is kept.
#[derive(Clone)]
pub struct UserName(SmolStr);

impl UserName {
    /// Maximum length of a user name, in characters.
    pub const LENGTH_MAX: usize = 64;

    /// Checks that `text` is a user name.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
        if text.is_empty() || text.len() > Self::LENGTH_MAX || !text.bytes().all(fits) {
            return Err(InvalidName("a user name of 1 to 64 characters (A-Z a-z 0-9 . _ @ -)"));
        }
        Ok(Self(text.into()))
    }

    /// The name in its original spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is this name, in any ASCII case.
    pub fn is(&self, text: &str) -> bool {
        self.0.eq_ignore_ascii_case(text)
    }
}

impl PartialEq for UserName {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}
impl Eq for UserName {}
impl PartialOrd for UserName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for UserName {
    fn cmp(&self, other: &Self) -> Ordering {
        fn folded(name: &UserName) -> impl Iterator<Item = u8> + '_ {
            name.0.bytes().map(|byte| byte.to_ascii_lowercase())
        }
        folded(self).cmp(folded(other))
    }
}

/// Whether `text` may be a right code or a profile name: not empty, at most `length_max` bytes, no
/// control characters, no leading or trailing white space.
fn is_word(text: &str, length_max: usize) -> bool {
    !text.is_empty()
        && text.len() <= length_max
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $max:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks that `text` is valid.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                if is_word(text, $max) { Ok(Self(text.into())) } else { Err(InvalidName($what)) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

word!(
    /// The code of a right, such as `ORDEN`: 1–64 bytes, no control characters, no leading or
    /// trailing white space. Case-sensitive.
    RightCode, 64,
    "a right code of 1 to 64 bytes without control characters or leading or trailing spaces"
);
word!(
    /// The name of a profile: 1–128 bytes, no control characters, no leading or trailing white
    /// space. Case-sensitive.
    ProfileName, 128,
    "a profile name of 1 to 128 bytes without control characters or leading or trailing spaces"
);

/// The description of a record: one line of at most 1024 bytes. Control characters are refused,
/// because many of them take six bytes in the JSON form of the record.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Description(SmolStr);

impl Description {
    /// Maximum length of a description, in bytes.
    pub const LENGTH_MAX: usize = 1024;

    /// Checks that `text` is a description.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.len() > Self::LENGTH_MAX || text.chars().any(char::is_control) {
            return Err(InvalidName(
                "a description of at most 1024 bytes without control characters",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The description as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the description is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

macro_rules! text_shaped {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.0)
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(|error| serde::de::Error::custom(error.0))
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string"})
            }
        }
    )*};
}
text_shaped!(UserName, RightCode, ProfileName, Description);

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(String);

        impl $name {
            /// Wraps a secret.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The secret as text, for example to hash or check it, or to send it to its owner.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self)
            }
        }
        impl Drop for $name {
            fn drop(&mut self) {
                zeroize::Zeroize::zeroize(&mut self.0);
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string"})
            }
        }
    };
}
secret!(
    /// SESSION_AUTH_TOKEN: 32 characters of A–Z a–z 0–9. Authenticates the session.
    SessionToken
);
secret!(
    /// REFRESH_AUTH_TOKEN: 32 characters of A–Z a–z 0–9. Valid for one new token pair, or to
    /// complete one pending login.
    RefreshToken
);
secret!(
    /// A password in plain text.
    Password
);
secret!(
    /// MFA_CODE: the code of an authenticator app or a mailed link, a recovery code, or an active
    /// code, which a login by mailed link issues for later logins.
    MfaCode
);
secret!(
    /// RESET_TOKEN, a parameter of a mailed link. Valid for one new password.
    ResetToken
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_keep_their_spelling() {
        let (a, b) = (UserName::parse("JaneDee").unwrap(), UserName::parse("janedee").unwrap());
        assert_eq!(a, b);
        assert_eq!(a.cmp(&b), Ordering::Equal);
        assert_eq!(a.as_str(), "JaneDee");
        assert!(UserName::parse("Jane").unwrap() < a);
        assert!(UserName::parse("").is_err() && UserName::parse("a b").is_err());
        assert!(UserName::parse(&"x".repeat(65)).is_err());
        for hidden in ['\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{ad}'] {
            assert!(UserName::parse(&format!("ja{hidden}ne")).is_err(), "{hidden:?}");
        }
        assert!(Description::parse(&"x".repeat(1024)).is_ok());
        assert!(Description::parse(&"x".repeat(1025)).is_err());
        assert!(Description::parse("two\nlines").is_err());
    }

    #[test]
    fn secrets_do_not_print() {
        let shown = format!("{:?}{:?}", SessionToken::new("abc"), Password::new("abc"));
        assert_eq!(shown, "SessionToken(..)Password(..)");
    }
}
