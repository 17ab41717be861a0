//! The section `[…password_strength]` of password rules (Genesis authentication,
//! "passwordStrength").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Password rules. A rule with a number is off if the number is not set or 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordStrength {
    /// Minimum number of characters; at most `maximum_length`. Empty passwords are always refused.
    #[schemars(extend("x-genesis-key" = "minimumLength"))]
    pub minimum_length: Option<u32>,
    /// Maximum number of characters. Passwords of more than 1024 bytes are always refused.
    #[schemars(extend("x-genesis-key" = "maximumLength"))]
    pub maximum_length: Option<u32>,
    /// Minimum number of digits (0-9).
    #[schemars(extend("x-genesis-key" = "minDigits"))]
    pub min_digits: Option<u32>,
    /// Maximum number of times that one character may occur in the whole password.
    #[schemars(extend("x-genesis-key" = "maxRepeatCharacters"))]
    pub max_repeat_characters: Option<u32>,
    /// Minimum number of upper-case letters.
    #[schemars(extend("x-genesis-key" = "minUppercaseCharacters"))]
    pub min_uppercase_characters: Option<u32>,
    /// Minimum number of lower-case letters.
    #[schemars(extend("x-genesis-key" = "minLowercaseCharacters"))]
    pub min_lowercase_characters: Option<u32>,
    /// Minimum number of characters that are neither letter nor digit.
    #[schemars(extend("x-genesis-key" = "minNonAlphaNumericCharacters"))]
    pub min_non_alpha_numeric_characters: Option<u32>,
    /// How many of the four rules `min_digits`, `min_uppercase_characters`,
    /// `min_lowercase_characters` and `min_non_alpha_numeric_characters` a password must satisfy.
    /// Only rules that are in force (not 0) count. If this number is not set or is 0, a password
    /// must satisfy every rule in force.
    pub min_characteristics: Option<u32>,
    /// Whether passwords with white space are refused.
    #[schemars(extend("x-genesis-key" = "restrictWhitespace"))]
    pub restrict_whitespace: bool,
    /// Whether passwords with five or more successive letters of the alphabet, forwards or
    /// backwards, are refused.
    #[schemars(extend("x-genesis-key" = "restrictAlphaSequences"))]
    pub restrict_alpha_sequences: bool,
    /// Whether passwords with five or more adjacent letters of a keyboard row, forwards or
    /// backwards, are refused. The layouts are QWERTY, QWERTZ, AZERTY, Dvorak and Colemak.
    #[schemars(extend("x-genesis-key" = "restrictQWERTY"))]
    pub restrict_qwerty: bool,
    /// Whether passwords with five or more successive digits, forwards or backwards, are refused.
    #[schemars(extend("x-genesis-key" = "restrictNumericalSequences"))]
    pub restrict_numerical_sequences: bool,
    /// Characters that a password may not contain; empty: all characters are allowed.
    #[schemars(extend("x-genesis-key" = "illegalCharacters"))]
    pub illegal_characters: String,
    /// Number of the last passwords of a user, the current one included, that cannot be used again;
    /// at most 24.
    #[schemars(extend("x-genesis-key" = "historicalCheck"))]
    pub historical_check: Option<u8>,
    /// Whether the passwords in a built-in list of the most common ones are refused.
    #[schemars(extend("x-genesis-key" = "restrictPassword"))]
    pub restrict_password: bool,
    /// Whether passwords that contain an English word of four or more letters, forwards or
    /// backwards, are refused.
    #[schemars(extend("x-genesis-key" = "restrictDictionarySubstring"))]
    pub restrict_dictionary_substring: bool,
    /// Whether passwords that contain the user name, forwards or backwards, are refused.
    #[schemars(extend("x-genesis-key" = "restrictUserName"))]
    pub restrict_user_name: bool,
    /// Number of equal characters in a row, 2 or more, that a password must not contain: with 3,
    /// passwords that contain "aaa" are refused.
    #[schemars(extend("x-genesis-key" = "repeatCharacterRestrictSize"))]
    pub repeat_character_restrict_size: Option<u32>,
    /// Days after which a password must be changed, at most 36500; not set or 0: never.
    #[schemars(extend("x-genesis-key" = "passwordExpiryDays"))]
    pub password_expiry_days: Option<u32>,
    /// How many days before the expiry of a password the login ack begins to set NOTIFY_EXPIRY; at
    /// most 36500.
    #[schemars(extend("x-genesis-key" = "passwordExpiryNotificationDays"))]
    pub password_expiry_notification_days: Option<u32>,
}

impl Default for PasswordStrength {
    fn default() -> Self {
        Self {
            minimum_length: None,
            maximum_length: None,
            min_digits: None,
            max_repeat_characters: None,
            min_uppercase_characters: None,
            min_lowercase_characters: None,
            min_non_alpha_numeric_characters: None,
            min_characteristics: None,
            restrict_whitespace: true,
            restrict_alpha_sequences: false,
            restrict_qwerty: true,
            restrict_numerical_sequences: true,
            illegal_characters: String::new(),
            historical_check: None,
            restrict_password: false,
            restrict_dictionary_substring: false,
            restrict_user_name: false,
            repeat_character_restrict_size: None,
            password_expiry_days: None,
            password_expiry_notification_days: None,
        }
    }
}

/// Maximum number of remembered passwords: a new password is compared with each of them.
const HISTORY_MAX: u8 = 24;
/// A hundred years.
const DAYS_MAX: u32 = 36_500;

impl PasswordStrength {
    /// Returns the rules on character classes that are set: each class, and the minimum number of
    /// its characters.
    pub fn classes(&self) -> impl Iterator<Item = (Class, u32)> {
        let all = [
            (Class::Digits, self.min_digits),
            (Class::Uppercase, self.min_uppercase_characters),
            (Class::Lowercase, self.min_lowercase_characters),
            (Class::NonAlphaNumeric, self.min_non_alpha_numeric_characters),
        ];
        all.into_iter().filter_map(|(class, least)| Some((class, least.filter(|it| *it > 0)?)))
    }

    /// Returns how many of the last passwords cannot be used again.
    pub fn history(&self) -> u8 {
        self.historical_check.unwrap_or(0)
    }

    /// Returns the days after which a password must be changed; `None` means never.
    pub fn expiry_days(&self) -> Option<u32> {
        self.password_expiry_days.filter(|days| *days > 0)
    }

    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        let mut add_error = |key: &str, text: &str| {
            wrong.push(format!(
                "security.genesis_password.validation.password_strength.{key} {text}"
            ));
        };
        let least: u64 = self.classes().map(|(_, least)| u64::from(least)).sum();
        let all = self.min_characteristics.unwrap_or(0) == 0;
        let longest = self.maximum_length.filter(|it| *it > 0).unwrap_or(1_024);
        if self.minimum_length.unwrap_or(0) > longest {
            add_error("minimum_length", "must be at most maximum_length, and at most 1024");
        }
        if all && least > u64::from(longest) {
            let text = "must be at least the sum of min_digits, min_uppercase_characters, \
                        min_lowercase_characters and min_non_alpha_numeric_characters";
            add_error("maximum_length", text);
        }
        if self.min_characteristics.unwrap_or(0) as usize > self.classes().count() {
            let text = "must be at most the number of rules on character classes that are set \
                        (min_digits, min_uppercase_characters, min_lowercase_characters, \
                        min_non_alpha_numeric_characters)";
            add_error("min_characteristics", text);
        }
        if self.repeat_character_restrict_size == Some(1) {
            add_error(
                "repeat_character_restrict_size",
                "must be 2 or more; 1 would refuse every password",
            );
        }
        if self.history() > HISTORY_MAX {
            add_error("historical_check", "must be at most 24");
        }
        let (expiry, notice) = (self.expiry_days(), self.password_expiry_notification_days);
        if [expiry, notice].into_iter().flatten().any(|days| days > DAYS_MAX) {
            add_error(
                "password_expiry_days",
                "and password_expiry_notification_days must be at most 36500",
            );
        }
    }
}

/// A class of characters that a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Class {
    Digits,
    Uppercase,
    Lowercase,
    NonAlphaNumeric,
}
