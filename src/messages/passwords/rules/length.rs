//! minimumLength, maximumLength: counted in characters.

use protocol::NackCode;

use super::violation::Violation;
use crate::auth::PASSWORD_BYTES_MAX;
use crate::settings::PasswordStrength;

/// Whether it is so long that nobody looks further.
pub(super) fn exceeds_byte_limit(password: &str, violations: &mut Vec<Violation>) -> bool {
    let is_over = password.len() > PASSWORD_BYTES_MAX;
    if is_over {
        let text = format!("maximumLength: at most {PASSWORD_BYTES_MAX} bytes in any case");
        violations.push((NackCode::TooLong, text));
    }
    is_over
}

/// Whether it is so long that the other rules need not look.
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
