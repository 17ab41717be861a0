//! Sequence rules: the alphabet, digits and keyboard rows, forwards and backwards.

use protocol::NackCode;

use super::violation::Violation;
use crate::settings::PasswordStrength;

/// Length of the shortest refused sequence, in characters (Genesis authentication,
/// "passwordStrength").
const LENGTH: usize = 5;

const ALPHABET: &[&str] = &["abcdefghijklmnopqrstuvwxyz"];
/// Digits in numerical order and in the order of the keyboard.
const NUMBERS: &[&str] = &["0123456789", "1234567890"];
/// Letter rows of QWERTY, QWERTZ, AZERTY, Dvorak and Colemak.
const KEYBOARDS: &[&str] = &[
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "pyfgcrl",
    "aoeuidhtns",
    "qjkxbmwvz",
    "qwfpgjluy",
    "arstdhneio",
    "zxcvbkm",
];

pub(super) fn check(rules: &PasswordStrength, password: &str, violations: &mut Vec<Violation>) {
    let lower = password.to_lowercase();
    let all = [
        (
            rules.restrict_alpha_sequences,
            ALPHABET,
            "restrictAlphaSequences",
            "consecutive letters of the alphabet",
        ),
        (rules.restrict_qwerty, KEYBOARDS, "restrictQWERTY", "adjacent keys of a keyboard row"),
        (
            rules.restrict_numerical_sequences,
            NUMBERS,
            "restrictNumericalSequences",
            "consecutive digits",
        ),
    ];
    for (_, _, rule, what) in all.into_iter().filter(|(on, rows, ..)| *on && has_any(&lower, rows))
    {
        let text =
            format!("{rule}: must not contain {LENGTH} or more {what}, forwards or backwards");
        violations.push((NackCode::IllegalSequence, text));
    }
}

fn has_any(password: &str, rows: &[&str]) -> bool {
    let parts = |row: &str| row.as_bytes().windows(LENGTH).map(<[u8]>::to_vec).collect::<Vec<_>>();
    rows.iter().flat_map(|row| parts(row)).any(|mut part| {
        let is_in = |part: &[u8]| password.as_bytes().windows(LENGTH).any(|it| it == part);
        let forwards = is_in(&part);
        part.reverse();
        forwards || is_in(&part)
    })
}
