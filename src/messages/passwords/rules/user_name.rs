//! The rule restrictUserName: no user name in the password, forwards or backwards; case is ignored.

use protocol::NackCode;

use super::violation::Violation;
use crate::settings::PasswordStrength;

pub(super) fn check(
    rules: &PasswordStrength,
    user: &str,
    password: &str,
    violations: &mut Vec<Violation>,
) {
    if !rules.restrict_user_name {
        return;
    }
    // ASCII is enough, because user names are ASCII.
    let (user, lower) = (user.to_ascii_lowercase(), password.to_ascii_lowercase());
    if lower.contains(&user) {
        let text = "restrictUserName: must not contain the user name".to_owned();
        violations.push((NackCode::IllegalUsername, text));
    }
    let reversed: String = user.chars().rev().collect();
    if reversed != user && lower.contains(&reversed) {
        let text = "restrictUserName: must not contain the user name backwards".to_owned();
        violations.push((NackCode::IllegalUsernameReversed, text));
    }
}
