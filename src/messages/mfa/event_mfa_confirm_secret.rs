//! EVENT_MFA_CONFIRM_SECRET: activates a new secret by one of its codes; returns recovery codes.

use protocol::{MfaCode, Nack, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auth::recovery_code;
use crate::messages::attempt::Attempt;
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::login::{self, UserSecret};
use crate::messages::record::WithDetails;
use crate::messages::stale_retry::{retry_stale, submit_checked};
use crate::realm::{Command, ConfirmSecret, Outcome, TokenHash};

/// A code that proves that the user's authenticator app has the new secret. After the confirmation,
/// REFRESH_AUTH_TOKEN of a pending login completes this login without MFA_CODE.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct MfaConfirmSecret {
    /// Name of the user. Default: the user of the session, or of the pending login. For another
    /// user, the right MFA_CONFIRM is required.
    user_name: Option<UserName>,
    /// REFRESH_AUTH_TOKEN of an MFA_FAILED NACK with REASON ENROL. With this token, no session is
    /// required.
    refresh_auth_token: Option<RefreshToken>,
    /// Current code of the new secret, as the authenticator app shows it.
    mfa_code: MfaCode,
}

/// The recovery codes. They are sent only in this reply.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    /// The recovery codes. A login accepts each of them once as MFA_CODE. The new codes replace the
    /// user's earlier recovery codes.
    recovery_code: Vec<String>,
}

/// Number of recovery codes of one secret.
const RECOVERY_CODES: usize = 10;

impl Message for MfaConfirmSecret {
    const TYPE: &'static str = "EVENT_MFA_CONFIRM_SECRET";
    const SUMMARY: &'static str =
        "Activates a new secret by one of its codes and returns recovery codes.";
    const ACK: &'static str = "EVENT_MFA_CONFIRM_SECRET_ACK";
    const NACK: &'static str = "EVENT_MFA_CONFIRM_SECRET_NACK";
    const ACCESS: Access = Access::PendingLogin;
    const LOGGED: bool = true;
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        let (actor, target) = login::enrolment_actor(
            context,
            self.refresh_auth_token.as_ref(),
            self.user_name.as_ref(),
            "MFA_CONFIRM",
        )?;
        let begun = Attempt::begin(context, Some(&target.name)).await?;
        let recovery: Vec<_> =
            (0..RECOVERY_CODES).map(|_| recovery_code::recovery_code()).collect();
        let hash = |code: &String| TokenHash(crate::auth::hash_token(code));
        let attempt = || async {
            let secret = context.read(|realm| UserSecret::pending(realm, target.no));
            let checked = secret.and_then(|secret| {
                login::check_totp(context, &secret, self.mfa_code.expose().trim())
            });
            let (checked, at_secs, _) = checked.map_or((None, None, None), |it| it.into_parts());
            let confirm = ConfirmSecret {
                actor: actor.clone(),
                user_name: Some(target.name.clone()),
                checked,
                at_secs,
                recovery: recovery.iter().map(hash).collect(),
            };
            match submit_checked(context, Command::ConfirmSecret(confirm)).await? {
                Outcome::Done => Ok(Ok(())),
                Outcome::Refused(refusal) => Ok(Err(context.nack(refusal))),
                _ => Err(errors::internal_error(Self::TYPE).into()),
            }
        };
        let confirmed = retry_stale(context, attempt).await?;
        if let Err(nack) = confirmed {
            begun.fail();
            return Err(nack);
        }
        let shown = recovery.iter().map(|code| recovery_code::format_recovery_code(code));
        Ok(WithDetails { details: Details { recovery_code: shown.collect() } })
    }
}
