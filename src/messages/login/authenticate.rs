//! Password authentication of a login, against the stored hash, a directory or both.

use std::time::Duration;

use protocol::{Nack, Password, UserName};

use super::checked_password::CheckedPassword;
use super::directory_check;
use super::password_check::check_local_password;
use super::snapshot::LoginSnapshot;
use crate::messages::context::MessageContext;
use crate::realm::Verdict;
use crate::settings::AuthType;

/// Checks the password of a login as the settings require for this user: against the stored hash,
/// against a directory, or against both.
pub async fn authenticate(
    context: &MessageContext,
    name: &UserName,
    password: &Password,
    snapshot: &LoginSnapshot,
) -> Result<CheckedPassword, Nack> {
    match auth_type(context, name) {
        AuthType::Internal => check_local_password(context, password, snapshot).await,
        AuthType::Ldap => {
            directory_check::check_directory_password(context, name, password, snapshot).await
        }
        AuthType::Hybrid => {
            let mut checked = check_local_password(context, password, snapshot).await?;
            if checked.verdict == Verdict::Matched {
                checked.verdict = directory_check::confirm(context, name, password).await?;
            }
            Ok(checked)
        }
    }
}

/// Returns the time in which the directories must answer; `None` if none checks this user.
pub fn directory_timeout(context: &MessageContext, name: &UserName) -> Option<Duration> {
    if auth_type(context, name) == AuthType::Internal {
        return None;
    }
    let settings = context.gateway.settings();
    let connections = settings.security.authentication.ldap.connection.iter();
    Some(Duration::from_millis(connections.map(|it| it.timeout_ms).sum()))
}

fn auth_type(context: &MessageContext, name: &UserName) -> AuthType {
    let settings = context.gateway.settings();
    let authentication = &settings.security.authentication;
    let internal = authentication.internal_users.iter().any(|it| name.is(it));
    if internal { AuthType::Internal } else { authentication.kind }
}
