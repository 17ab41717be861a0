//! restrictUserName: the user's name in the password, forwards or backwards, in any case.

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
    // User names are ASCII.
    let (user, lower) = (user.to_ascii_lowercase(), password.to_ascii_lowercase());
    if lower.contains(&user) {
        let text = "restrictUserName: not the user name".to_owned();
        violations.push((NackCode::IllegalUsername, text));
    }
    let reversed: String = user.chars().rev().collect();
    if reversed != user && lower.contains(&reversed) {
        let text = "restrictUserName: not the user name backwards".to_owned();
        violations.push((NackCode::IllegalUsernameReversed, text));
    }
}
