//! minimumLength, maximumLength: counted in characters.

use protocol::NackCode;

use super::violation::Violation;
use crate::auth::PASSWORD_BYTES_MAX;
use crate::settings::PasswordStrength;

/// Whether it is so long that nobody looks further.
pub(super) fn bound(password: &str, broken: &mut Vec<Violation>) -> bool {
    let is_over = password.len() > PASSWORD_BYTES_MAX;
    if is_over {
        let text = format!("maximumLength: at most {PASSWORD_BYTES_MAX} bytes in any case");
        broken.push((NackCode::TooLong, text));
    }
    is_over
}

/// Whether it is so long that the other rules need not look.
pub(super) fn judge(rules: &PasswordStrength, password: &str, broken: &mut Vec<Violation>) -> bool {
    if bound(password, broken) {
        return true;
    }
    let (count, least) = (password.chars().count(), rules.minimum_length.unwrap_or(0).max(1));
    if count < least as usize {
        let text = format!("minimumLength: at least {least} characters");
        broken.push((NackCode::TooShort, text));
    }
    if let Some(most) = rules.maximum_length.filter(|most| (1..count).contains(&(*most as usize))) {
        broken.push((NackCode::TooLong, format!("maximumLength: at most {most} characters")));
    }
    false
}
