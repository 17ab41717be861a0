//! Length rules: minimumLength and maximumLength in characters, and a fixed limit in bytes.

use protocol::NackCode;

use super::violation::Violation;
use crate::auth::PASSWORD_BYTES_MAX;
use crate::settings::PasswordStrength;

/// Adds a violation if the password exceeds the fixed limit in bytes. Returns whether it was added.
pub(super) fn exceeds_byte_limit(password: &str, violations: &mut Vec<Violation>) -> bool {
    let is_over = password.len() > PASSWORD_BYTES_MAX;
    if is_over {
        let text = format!("maximumLength: at most {PASSWORD_BYTES_MAX} bytes (fixed limit)");
        violations.push((NackCode::TooLong, text));
    }
    is_over
}

/// Checks the length rules. Returns whether the password exceeds the fixed limit in bytes; the
/// caller then skips the other rules.
pub(super) fn check(
    rules: &PasswordStrength,
    password: &str,
    violations: &mut Vec<Violation>,
) -> bool {
    if exceeds_byte_limit(password, violations) {
        return true;
    }
    let (count, least) = (password.chars().count(), rules.minimum_length.unwrap_or(0).max(1));
    if count < least as usize {
        let text = format!("minimumLength: at least {least} characters");
        violations.push((NackCode::TooShort, text));
    }
    if let Some(most) = rules.maximum_length.filter(|most| (1..count).contains(&(*most as usize))) {
        violations.push((NackCode::TooLong, format!("maximumLength: at most {most} characters")));
    }
    false
}
