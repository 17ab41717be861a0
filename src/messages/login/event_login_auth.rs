//! EVENT_LOGIN_AUTH: opens or renews a session by password, refresh token or pending login.

use protocol::{MfaCode, Nack, NackCode, Password, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ack::LoginAck;
use super::password_login::PasswordLogin;
use super::presented_token::{PresentedToken, TokenOwner};
use super::snapshot::LoginSnapshot;
use super::{pending_login, token_refresh};
use crate::messages::attempt::{Attempt, log_new_lock};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::stale_retry::{AttemptError, retry_stale};
use crate::realm::{Refusal, TokenHash};

/// Either USER_NAME and PASSWORD, or REFRESH_AUTH_TOKEN. With REFRESH_AUTH_TOKEN, PASSWORD is
/// ignored. MFA_CODE is also needed if a second factor is required and was not yet proved for this
/// session or login.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct LoginAuth {
    /// Name of the user. Required with PASSWORD. With REFRESH_AUTH_TOKEN it is optional, and must
    /// be the user of the token.
    user_name: Option<UserName>,
    /// Password of the user.
    password: Option<Password>,
    /// Refresh token of a session, to renew or resume the session. Or REFRESH_AUTH_TOKEN of an
    /// MFA_FAILED NACK, to complete that login.
    refresh_auth_token: Option<RefreshToken>,
    /// Second factor: a code of the authenticator app, a recovery code, the code of a mailed link,
    /// or an active code (MFA_CODE of an earlier login ACK).
    mfa_code: Option<MfaCode>,
}

impl Message for LoginAuth {
    const TYPE: &'static str = "EVENT_LOGIN_AUTH";
    const SUMMARY: &'static str =
        "Opens a session by password, or renews or resumes one by refresh token.";
    const DESCRIPTION: &'static str = "A WebSocket connection is then bound to the session, so \
        later messages on it need no token. If a second factor is missing or wrong, the NACK has \
        the code MFA_FAILED, and its REFRESH_AUTH_TOKEN is the token of this pending login, which \
        can only complete this login or set up a second factor. After too many wrong codes, the \
        NACK has no token: begin a new login. A refresh replaces \
        SESSION_AUTH_TOKEN and SESSION_ID. If `security.refresh_rotation` is true, it also \
        replaces REFRESH_AUTH_TOKEN.";
    const ACK: &'static str = "EVENT_LOGIN_AUTH_ACK";
    const NACK: &'static str = "EVENT_LOGIN_AUTH_NACK";
    const LEGACY_NACK: &'static str = "LOGIN_AUTH_NACK";
    const ALIASES: &'static [&'static str] = &["EVENT_LOGIN_REFRESH"];
    const ACCESS: Access = Access::Anyone;
    const LOGIN: bool = true;
    const LOGGED: bool = true;
    type Ack = LoginAck;

    async fn serve(self, context: &MessageContext) -> Result<LoginAck, Nack> {
        match &self.refresh_auth_token {
            Some(token) => self.by_token(context, token).await,
            None => self.by_password(context).await,
        }
    }
}

impl LoginAuth {
    async fn by_password(&self, context: &MessageContext) -> Result<LoginAck, Nack> {
        let missing =
            |field| Nack::new(NackCode::MissingField, format!("{field} is missing in DETAILS"));
        let user_name = self.user_name.as_ref().ok_or_else(|| missing("USER_NAME"))?;
        let password = self.password.as_ref().ok_or_else(|| missing("PASSWORD"))?;
        context.set_audited_user(user_name);
        let login = PasswordLogin { user_name, password, code: self.mfa_code.as_ref() };
        let attempt = Attempt::begin(context, Some(user_name)).await?;
        let served = retry_stale(context, || login.attempt(context, &attempt)).await;
        if served.as_ref().is_err_and(is_failure) {
            attempt.fail();
            log_new_lock(context, user_name);
        }
        served
    }

    /// Completes the pending login of the token, or renews or resumes the session of the token.
    async fn by_token(
        &self,
        context: &MessageContext,
        token: &RefreshToken,
    ) -> Result<LoginAck, Nack> {
        let presented = &PresentedToken {
            token,
            hash: TokenHash(crate::auth::hash_token(token.expose())),
            user_name: self.user_name.as_ref(),
            code: self.mfa_code.as_ref(),
        };
        let attempt = || async move {
            match presented.find_owner(context) {
                Some(TokenOwner::PendingLogin(snapshot)) => {
                    finish_pending(context, presented, snapshot).await
                }
                Some(TokenOwner::Session(snapshot)) => {
                    let served = token_refresh::refresh(context, presented, snapshot).await;
                    served.inspect_err(|error| {
                        if error.nack().is_some_and(is_failure) {
                            context.record_failure();
                        }
                    })
                }
                None => Err(unknown_token(context).into()),
            }
        };
        retry_stale(context, attempt).await
    }
}

/// Completes a pending login. Its code is an attempt: the password was right, but may be stolen.
async fn finish_pending(
    context: &MessageContext,
    presented: &PresentedToken<'_>,
    snapshot: LoginSnapshot,
) -> Result<LoginAck, AttemptError> {
    let name = snapshot.name.clone();
    context.set_audited_user(&name);
    let attempt = Attempt::begin(context, Some(&name)).await?;
    let served = pending_login::finish(context, presented, snapshot).await;
    if served.as_ref().err().and_then(AttemptError::nack).is_some_and(is_failure) {
        attempt.fail();
        log_new_lock(context, &name);
    }
    served
}

/// Whether a refusal counts against the client network: a wrong name, password or code, or a locked
/// account. Other refusals do not count: rate and session limits, expired passwords, a pending
/// login that lacks its second factor, and unknown tokens, which [`unknown_token`] counts.
fn is_failure(nack: &Nack) -> bool {
    use NackCode::{IncorrectCredentials, LockedAccount, MfaFailed, UnknownAccount};
    let reason = nack.errors.first().and_then(|fault| fault.details.as_ref()?["REASON"].as_str());
    match nack.code() {
        IncorrectCredentials | LockedAccount | UnknownAccount => true,
        MfaFailed => reason == Some("INVALID"),
        _ => false,
    }
}

/// Returns the NACK for an unknown token. Counts a failed login, because the token may be a guess.
fn unknown_token(context: &MessageContext) -> Nack {
    context.record_failure();
    errors::nack(&context.gateway, context.now, Refusal::RefreshExpired)
}
