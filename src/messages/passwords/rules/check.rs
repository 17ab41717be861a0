//! The check of a new password against the password rules.
//!
//! See Genesis authentication, "passwordStrength". The check is pure. It returns all violations,
//! and their texts never contain a part of the password.

use protocol::{Nack, NackCode, Password, UserName};

use super::violation::Violation;
use super::{characters, length, repeats, sequences, user_name, word_lists};
use crate::settings::{PasswordStrength, Validation};

/// Returns all violations, in the order of the rules in Genesis authentication. Does not check the
/// age of the password, nor whether it was used before.
pub fn violations(rules: &PasswordStrength, user: &UserName, password: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    // A password above the byte limit is not checked further, to bound the cost of the other rules.
    if length::check(rules, password, &mut violations) {
        return violations;
    }
    characters::check(rules, password, &mut violations);
    repeats::check(rules, password, &mut violations);
    sequences::check(rules, password, &mut violations);
    word_lists::check(rules, password, &mut violations);
    user_name::check(rules, user.as_str(), password, &mut violations);
    violations
}

/// Refuses a password above the fixed limit in bytes. Callers do this before slower work.
pub fn check_length(password: &Password) -> Result<(), Nack> {
    let mut violations = Vec::new();
    length::exceeds_byte_limit(password.expose(), &mut violations);
    match violations.pop() {
        Some((code, text)) => Err(Nack::new(code, text)),
        None => Ok(()),
    }
}

/// Refuses a password that violates a rule. The NACK lists all violations.
pub fn check(rules: &Validation, user: &UserName, password: &Password) -> Result<(), Nack> {
    let violations = violations(&rules.password_strength, user, password.expose());
    match as_nack(rules, violations) {
        Some(nack) => Err(nack),
        None => Ok(()),
    }
}

/// Returns the NACK for a password that was used before.
pub fn used_before(rules: &Validation) -> Nack {
    let count = rules.password_strength.history();
    let text = format!("historicalCheck: none of the last {count} passwords may be used again");
    let violations = vec![(NackCode::HistoryViolation, text.clone())];
    as_nack(rules, violations).unwrap_or_else(|| Nack::new(NackCode::HistoryViolation, text))
}

fn as_nack(rules: &Validation, violations: Vec<Violation>) -> Option<Nack> {
    let named = |code| if rules.legacy_codes_only { legacy_code(code) } else { code };
    let faults = violations.into_iter().map(|(code, text)| Nack::new(named(code), text));
    faults.reduce(|mut all, one| {
        all.errors.extend(one.errors);
        all
    })
}

/// Maps a code to one that Genesis authentication lists, for clients that support only those codes.
fn legacy_code(code: NackCode) -> NackCode {
    use NackCode::{
        IllegalMatch, IllegalSequence, IllegalWhitespace, InsufficientCharacteristics,
        InsufficientCharacters, TooLong, TooShort,
    };
    match code {
        TooShort
        | TooLong
        | InsufficientCharacters
        | InsufficientCharacteristics
        | IllegalWhitespace
        | IllegalSequence => code,
        _ => IllegalMatch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::test_runner::{Config, FileFailurePersistence};

    /// Returns rules that are all off, except the rules that `set` sets.
    fn rules(set: impl FnOnce(&mut PasswordStrength)) -> PasswordStrength {
        let mut rules = PasswordStrength {
            restrict_whitespace: false,
            restrict_qwerty: false,
            restrict_numerical_sequences: false,
            ..PasswordStrength::default()
        };
        set(&mut rules);
        rules
    }

    fn codes(rules: &PasswordStrength, password: &str) -> Vec<&'static str> {
        let user = UserName::parse("JaneDoe").unwrap();
        violations(rules, &user, password).into_iter().map(|(code, _)| code.code()).collect()
    }

    type Set = fn(&mut PasswordStrength);

    /// For each rule: how to set it, a password that just complies, a password that just violates
    /// the rule, and the codes of the violations.
    const NEIGHBOURS: &[(Set, &str, &str, &str)] = &[
        (|it| it.minimum_length = Some(8), "äöüäöüäö", "äöüäöüä", "TOO_SHORT"),
        (|_| {}, "x", "", "TOO_SHORT"),
        (|it| it.maximum_length = Some(8), "äöüäöüäö", "äöüäöüäöü", "TOO_LONG"),
        (|it| it.min_digits = Some(2), "a1b2", "a1b", "INSUFFICIENT_CHARACTERS"),
        (|it| it.min_uppercase_characters = Some(2), "AÄ", "Aa", "INSUFFICIENT_CHARACTERS"),
        (|it| it.min_lowercase_characters = Some(2), "aä", "Aa", "INSUFFICIENT_CHARACTERS"),
        (
            |it| it.min_non_alpha_numeric_characters = Some(2),
            "a-b ",
            "a-b1",
            "INSUFFICIENT_CHARACTERS",
        ),
        (|it| it.max_repeat_characters = Some(3), "xaxbxA", "xaxbxcx", "ILLEGAL_MATCH"),
        (|it| it.repeat_character_restrict_size = Some(3), "xxaxx", "xxxa", "ILLEGAL_MATCH"),
        (|it| it.restrict_whitespace = true, "a_b", "a b", "ILLEGAL_WHITESPACE"),
        (|it| it.restrict_whitespace = true, "a_b", "a\u{2003}b", "ILLEGAL_WHITESPACE"),
        (|it| it.restrict_alpha_sequences = true, "xabcdx", "xAbCdEx", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_alpha_sequences = true, "zyxw", "zyxwv", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_qwerty = true, "qwer", "-QWERT-", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_qwerty = true, "poiu", "poiuy", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_qwerty = true, "lkjh", "lkjhg", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_qwerty = true, "tzui", "rtzui", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_qwerty = true, "azer", "azert", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_qwerty = true, "aoeu", "aoeui", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_numerical_sequences = true, "1234-5", "a12345", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_numerical_sequences = true, "0123", "01234", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_numerical_sequences = true, "9876", "98765", "ILLEGAL_SEQUENCE"),
        (|it| it.restrict_numerical_sequences = true, "13579", "67890", "ILLEGAL_SEQUENCE"),
        (|it| it.illegal_characters = "$£^".into(), "a€b", "a£b", "ILLEGAL_CHAR"),
        (|it| it.restrict_password = true, "donaldduck!", "DonaldDuck", "ILLEGAL_WORD"),
        (|it| it.restrict_dictionary_substring = true, "8cat8", "8bench8", "ILLEGAL_WORD"),
        (
            |it| it.restrict_dictionary_substring = true,
            "8tac8",
            "8FlOw8",
            "ILLEGAL_WORD ILLEGAL_WORD_REVERSED",
        ),
        (|it| it.restrict_dictionary_substring = true, "8hcn8", "8hcneb8", "ILLEGAL_WORD_REVERSED"),
        (|it| it.restrict_user_name = true, "xjanedox", "xJANEdoex", "ILLEGAL_USERNAME"),
        (|it| it.restrict_user_name = true, "eodenax", "xeODenajx", "ILLEGAL_USERNAME_REVERSED"),
    ];

    #[test]
    fn each_rule_has_its_boundary_and_its_code() {
        for (set, keeps, breaks, code) in NEIGHBOURS {
            let rules = rules(set);
            assert!(codes(&rules, keeps).is_empty(), "{keeps:?} must not violate {code}");
            assert_eq!(codes(&rules, breaks).join(" "), *code, "{breaks}");
            let user = UserName::parse("JaneDoe").unwrap();
            for (_, text) in violations(&rules, &user, breaks) {
                assert!(breaks.is_empty() || !text.contains(breaks), "{text}");
            }
        }
    }

    #[test]
    fn the_byte_limit_is_checked_first() {
        let rules = rules(|it| it.restrict_dictionary_substring = true);
        assert_eq!(codes(&rules, &"-".repeat(1_024)), Vec::<&str>::new());
        assert_eq!(codes(&rules, &"wolf".repeat(1 << 18)), ["TOO_LONG"]);
        assert_eq!(codes(&rules, &"é".repeat(513)), ["TOO_LONG"]);
    }

    #[test]
    fn the_defaults_are_those_of_genesis_authentication() {
        let rules = PasswordStrength::default();
        assert_eq!(codes(&rules, "a b"), ["ILLEGAL_WHITESPACE"]);
        assert_eq!(codes(&rules, "qwerty12345"), ["ILLEGAL_SEQUENCE", "ILLEGAL_SEQUENCE"]);
        for free in ["x", "abcdefg", "aaaaaaa", "password", "JaneDoe", "$£^"] {
            assert!(codes(&rules, free).is_empty(), "{free}");
        }
    }

    #[test]
    fn all_violations_are_reported_together() {
        let rules = rules(|it| {
            it.minimum_length = Some(12);
            it.min_digits = Some(1);
            it.min_uppercase_characters = Some(1);
            it.restrict_whitespace = true;
            it.restrict_user_name = true;
        });
        let wanted = [
            "TOO_SHORT",
            "INSUFFICIENT_CHARACTERS",
            "INSUFFICIENT_CHARACTERS",
            "ILLEGAL_WHITESPACE",
            "ILLEGAL_USERNAME",
        ];
        assert_eq!(codes(&rules, "a janedoe"), wanted);
    }

    #[test]
    fn as_many_class_rules_as_configured_must_be_met() {
        let rules = rules(|it| {
            it.min_digits = Some(1);
            it.min_uppercase_characters = Some(1);
            it.min_lowercase_characters = Some(1);
            it.min_non_alpha_numeric_characters = Some(1);
            it.min_characteristics = Some(2);
        });
        assert!(codes(&rules, "a1").is_empty() && codes(&rules, "A-").is_empty());
        let unmet = ["INSUFFICIENT_CHARACTERS"; 3];
        let wanted: Vec<_> = unmet.into_iter().chain(["INSUFFICIENT_CHARACTERISTICS"]).collect();
        assert_eq!(codes(&rules, "aaa"), wanted);
    }

    #[test]
    fn legacy_clients_get_only_the_codes_of_genesis_authentication() {
        let mut validation = Validation::default();
        validation.password_strength.restrict_user_name = true;
        validation.legacy_codes_only = true;
        let (user, password) = (UserName::parse("jane").unwrap(), Password::new("jane 12345"));
        let nack = check(&validation, &user, &password).unwrap_err();
        let codes: Vec<_> = nack.errors.iter().map(|fault| fault.code.code()).collect();
        assert_eq!(codes, ["ILLEGAL_WHITESPACE", "ILLEGAL_SEQUENCE", "ILLEGAL_MATCH"]);
        assert_eq!(used_before(&validation).code().code(), "ILLEGAL_MATCH");
    }

    #[test]
    fn the_word_lists_are_complete() {
        let lists = [include_str!("lists/worst.txt"), include_str!("lists/dictionary.txt")];
        let [worst, words] = lists.map(|list| list.lines().count());
        assert!(
            worst >= 10_000 && words >= 50_000,
            "worst.txt has {worst} lines, dictionary.txt {words}"
        );
        let letters = |word: &str| word.len() >= 4 && word.bytes().all(|b| b.is_ascii_lowercase());
        assert!(lists[1].lines().all(letters));
    }

    proptest::proptest! {
        #![proptest_config(Config {
            cases: 20_000,
            ..Config::with_failure_persistence(FileFailurePersistence::WithSource("regressions"))
        })]
        /// No password makes the check panic. TOO_SHORT is reported exactly for short passwords.
        #[test]
        fn any_password_is_checked(password in "\\PC{0,40}", least in 0_u32..12, row in 0_u32..4) {
            let rules = PasswordStrength {
                minimum_length: Some(least),
                max_repeat_characters: Some(row),
                repeat_character_restrict_size: Some(row),
                restrict_alpha_sequences: true,
                restrict_password: true,
                restrict_dictionary_substring: true,
                restrict_user_name: true,
                ..PasswordStrength::default()
            };
            let user = UserName::parse("JaneDoe").unwrap();
            let found = violations(&rules, &user, &password);
            let short = password.chars().count() < least.max(1) as usize;
            proptest::prop_assert_eq!(found.iter().any(|it| it.0 == NackCode::TooShort), short);
        }
    }
}
