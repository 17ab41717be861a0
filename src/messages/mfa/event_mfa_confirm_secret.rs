//! EVENT_MFA_CONFIRM_SECRET: a code of a new secret puts it in force; the ack has recovery codes.

use protocol::{MfaCode, Nack, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auth::recovery_code;
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::login::{self, UserSecret};
use crate::messages::record::WithDetails;
use crate::messages::stale_retry::{retry_stale, submit_checked};
use crate::realm::{Command, ConfirmSecret, Outcome, TokenHash};
/// For whom, as in EVENT_MFA_CREATE_SECRET, and a code of the secret.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct MfaConfirmSecret {
    user_name: Option<UserName>,
    refresh_auth_token: Option<RefreshToken>,
    mfa_code: MfaCode,
}

/// Recovery codes: each is good once, as MFA_CODE.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct Details {
    recovery_code: Vec<String>,
}

/// Recovery codes of one secret.
const RECOVERY_CODES: usize = 10;

impl Message for MfaConfirmSecret {
    const TYPE: &'static str = "EVENT_MFA_CONFIRM_SECRET";
    const ACK: &'static str = "EVENT_MFA_CONFIRM_SECRET_ACK";
    const NACK: &'static str = "EVENT_MFA_CONFIRM_SECRET_NACK";
    const ACCESS: Access = Access::PendingLogin;
    const LOGGED: bool = true;
    type Ack = WithDetails<Details>;

    async fn serve(self, context: &MessageContext) -> Result<WithDetails<Details>, Nack> {
        context.check_failure_limit()?;
        let (actor, target) = login::enrolment_actor(
            context,
            self.refresh_auth_token.as_ref(),
            self.user_name.as_ref(),
            "MFA_CONFIRM",
        )?;
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
                Outcome::Done => Ok(()),
                Outcome::Refused(refusal) => {
                    context.record_failure();
                    Err(context.nack(refusal).into())
                }
                _ => Err(errors::internal_error(Self::TYPE).into()),
            }
        };
        retry_stale(context, attempt).await?;
        let shown = recovery.iter().map(|code| recovery_code::format_recovery_code(code));
        Ok(WithDetails { details: Details { recovery_code: shown.collect() } })
    }
}
