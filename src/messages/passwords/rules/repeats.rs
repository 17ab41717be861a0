//! Repetition rules: maxRepeatCharacters and repeatCharacterRestrictSize.
//!
//! maxRepeatCharacters counts a character in the whole password; repeatCharacterRestrictSize counts
//! it only in a row.

use std::collections::BTreeMap;

use protocol::NackCode;

use super::violation::Violation;
use crate::settings::PasswordStrength;

pub(super) fn check(rules: &PasswordStrength, password: &str, violations: &mut Vec<Violation>) {
    if let Some(most) = rules.max_repeat_characters.filter(|most| *most > 0)
        && most_frequent(password) > most
    {
        let text = format!("maxRepeatCharacters: no character more than {most} times");
        violations.push((NackCode::IllegalMatch, text));
    }
    if let Some(size) = rules.repeat_character_restrict_size.filter(|size| *size > 0)
        && longest_run(password) >= size
    {
        let text =
            format!("repeatCharacterRestrictSize: no character {size} or more times in a row");
        violations.push((NackCode::IllegalMatch, text));
    }
}

fn most_frequent(password: &str) -> u32 {
    let mut counts = BTreeMap::new();
    password.chars().for_each(|c| *counts.entry(c).or_insert(0) += 1);
    counts.into_values().max().unwrap_or(0)
}

fn longest_run(password: &str) -> u32 {
    let (mut longest, mut run, mut last) = (0, 0, None);
    for c in password.chars() {
        run = if last == Some(c) { run + 1 } else { 1 };
        last = Some(c);
        longest = longest.max(run);
    }
    longest
}
