//! Rules for character classes, white space and forbidden characters.

use protocol::NackCode;

use super::violation::Violation;
use crate::settings::{Class, PasswordStrength};

pub(super) fn check(rules: &PasswordStrength, password: &str, violations: &mut Vec<Violation>) {
    let unmet: Vec<_> = rules
        .classes()
        .filter(|(class, least)| count(*class, password) < *least as usize)
        .collect();
    let met = rules.classes().count() - unmet.len();
    let needed = rules.min_characteristics.filter(|needed| *needed > 0);
    if needed.is_none_or(|needed| met < needed as usize) {
        violations.extend(unmet.into_iter().map(|(class, least)| {
            let (rule, what) = describe(class);
            (NackCode::InsufficientCharacters, format!("{rule}: at least {least} {what}"))
        }));
        if let Some(needed) = needed {
            let text = format!(
                "minCharacteristics: at least {needed} of the character-class rules must be met"
            );
            violations.push((NackCode::InsufficientCharacteristics, text));
        }
    }
    if rules.restrict_whitespace && password.contains(char::is_whitespace) {
        violations
            .push((NackCode::IllegalWhitespace, "restrictWhitespace: no white space".to_owned()));
    }
    let illegal = &rules.illegal_characters;
    if password.contains(|c| illegal.contains(c)) {
        violations.push((NackCode::IllegalChar, format!("illegalCharacters: none of {illegal}")));
    }
}

fn count(class: Class, password: &str) -> usize {
    let is_in = |c: &char| match class {
        Class::Digits => c.is_ascii_digit(),
        Class::Uppercase => c.is_uppercase(),
        Class::Lowercase => c.is_lowercase(),
        Class::NonAlphaNumeric => !c.is_alphanumeric(),
    };
    password.chars().filter(is_in).count()
}

fn describe(class: Class) -> (&'static str, &'static str) {
    match class {
        Class::Digits => ("minDigits", "digits"),
        Class::Uppercase => ("minUppercaseCharacters", "upper-case letters"),
        Class::Lowercase => ("minLowercaseCharacters", "lower-case letters"),
        Class::NonAlphaNumeric => {
            ("minNonAlphaNumericCharacters", "characters that are neither letter nor digit")
        }
    }
}
