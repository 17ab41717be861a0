//! `[security.genesis_password.validation.password_strength]` (Genesis
//! authentication, "passwordStrength").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// Rules for a new password; a rule that is absent or 0 is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordStrength {
    /// The fewest characters.
    #[schemars(extend("x-genesis-key" = "minimumLength"))]
    pub minimum_length: Option<u32>,
    /// The most characters; never more than 1024 bytes.
    #[schemars(extend("x-genesis-key" = "maximumLength"))]
    pub maximum_length: Option<u32>,
    /// The fewest digits.
    #[schemars(extend("x-genesis-key" = "minDigits"))]
    pub min_digits: Option<u32>,
    /// How often one character may occur in the whole password.
    #[schemars(extend("x-genesis-key" = "maxRepeatCharacters"))]
    pub max_repeat_characters: Option<u32>,
    /// The fewest upper-case letters.
    #[schemars(extend("x-genesis-key" = "minUppercaseCharacters"))]
    pub min_uppercase_characters: Option<u32>,
    /// The fewest lower-case letters.
    #[schemars(extend("x-genesis-key" = "minLowercaseCharacters"))]
    pub min_lowercase_characters: Option<u32>,
    /// The fewest characters that are neither letter nor digit.
    #[schemars(extend("x-genesis-key" = "minNonAlphaNumericCharacters"))]
    pub min_non_alpha_numeric_characters: Option<u32>,
    /// How many of the class rules (min_digits, min_uppercase_characters, min_lowercase_characters,
    /// min_non_alpha_numeric_characters) must hold; not set: all.
    pub min_characteristics: Option<u32>,
    /// Whether white space is refused.
    #[schemars(extend("x-genesis-key" = "restrictWhitespace"))]
    pub restrict_whitespace: bool,
    /// Whether five and more letters in the order of the alphabet, or against it, are refused.
    #[schemars(extend("x-genesis-key" = "restrictAlphaSequences"))]
    pub restrict_alpha_sequences: bool,
    /// Whether five and more neighbours of a row of the keyboard are refused, in both directions.
    #[schemars(extend("x-genesis-key" = "restrictQWERTY"))]
    pub restrict_qwerty: bool,
    /// Whether five and more digits in order, or against it, are refused.
    #[schemars(extend("x-genesis-key" = "restrictNumericalSequences"))]
    pub restrict_numerical_sequences: bool,
    /// Characters that may not be used.
    #[schemars(extend("x-genesis-key" = "illegalCharacters"))]
    pub illegal_characters: String,
    /// How many of the last passwords may not be used again, the current one included; at most 24.
    #[schemars(extend("x-genesis-key" = "historicalCheck"))]
    pub historical_check: Option<u8>,
    /// Whether the most common passwords are refused.
    #[schemars(extend("x-genesis-key" = "restrictPassword"))]
    pub restrict_password: bool,
    /// Whether words of four and more letters are refused, forwards and backwards.
    #[schemars(extend("x-genesis-key" = "restrictDictionarySubstring"))]
    pub restrict_dictionary_substring: bool,
    /// Whether the user's name is refused in the password, forwards and backwards.
    #[schemars(extend("x-genesis-key" = "restrictUserName"))]
    pub restrict_user_name: bool,
    /// As many of one character in a row are refused.
    #[schemars(extend("x-genesis-key" = "repeatCharacterRestrictSize"))]
    pub repeat_character_restrict_size: Option<u32>,
    /// Days after which a password must be changed.
    #[schemars(extend("x-genesis-key" = "passwordExpiryDays"))]
    pub password_expiry_days: Option<u32>,
    /// Days before that in which a login says so.
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

/// The most passwords that are remembered: a change compares with each of them.
const HISTORY_MAX: u8 = 24;
/// A hundred years.
const DAYS_MAX: u32 = 36_500;

impl PasswordStrength {
    /// The class rules that are set: what they count, and the least of it.
    pub fn classes(&self) -> impl Iterator<Item = (Class, u32)> {
        let all = [
            (Class::Digits, self.min_digits),
            (Class::Uppercase, self.min_uppercase_characters),
            (Class::Lowercase, self.min_lowercase_characters),
            (Class::NonAlphaNumeric, self.min_non_alpha_numeric_characters),
        ];
        all.into_iter().filter_map(|(class, least)| Some((class, least.filter(|it| *it > 0)?)))
    }

    /// How many of the last passwords may not be used again.
    pub fn history(&self) -> u8 {
        self.historical_check.unwrap_or(0)
    }

    /// Days after which a password must be changed.
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
            add_error("minimum_length", "is not above maximum_length, nor above 1024");
        }
        if all && least > u64::from(longest) {
            add_error("maximum_length", "leaves no room for what the class rules ask for");
        }
        if self.min_characteristics.unwrap_or(0) as usize > self.classes().count() {
            add_error("min_characteristics", "is not above the number of class rules that are set");
        }
        if self.repeat_character_restrict_size == Some(1) {
            add_error(
                "repeat_character_restrict_size",
                "is 2 or more; 1 would refuse every password",
            );
        }
        if self.history() > HISTORY_MAX {
            add_error("historical_check", "is at most 24");
        }
        let (expiry, notice) = (self.expiry_days(), self.password_expiry_notification_days);
        if [expiry, notice].into_iter().flatten().any(|days| days > DAYS_MAX) {
            add_error(
                "password_expiry_days",
                "and password_expiry_notification_days are at most 36500",
            );
        }
    }
}

/// A class of characters that a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Class {
    Digits,
    Uppercase,
    Lowercase,
    NonAlphaNumeric,
}
