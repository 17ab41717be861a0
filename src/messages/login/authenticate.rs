//! DOC messages/login/authenticate.rs

use crate::messages::context::Call;
use crate::messages::login::checked_password::CheckedPassword;
use crate::messages::login::directory_check;
use crate::messages::login::password_check::check;
use crate::realm::model::credential_check::Verdict;
use crate::settings::sections::authentication::AuthType;
use protocol::Nack;
use protocol::Password;
use protocol::UserName;

/// Checks the password of a login by whoever checks passwords of this user.
pub async fn authenticate(
    call: &Call,
    name: &UserName,
    password: &Password,
) -> Result<CheckedPassword, Nack> {
    let kind = {
        let settings = call.node.settings();
        let authentication = &settings.security.authentication;
        let internal = authentication.internal_users.iter().any(|it| name.is(it));
        if internal { AuthType::Internal } else { authentication.kind }
    };
    match kind {
        AuthType::Internal => check(call, name, password).await,
        AuthType::Ldap => directory_check::check(call, name, password).await,
        AuthType::Hybrid => {
            let mut checked = check(call, name, password).await?;
            if checked.verdict == Verdict::Matched {
                checked.verdict = directory_check::confirm(call, name, password).await?;
            }
            Ok(checked)
        }
    }
}
