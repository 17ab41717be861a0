//! EVENT_MFA_CONFIRM_SECRET: a code of a new secret puts it in force; the ack has recovery codes.

use protocol::{MfaCode, Nack, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::login::{self, SecretState};
use crate::messages::record::WithDetails;
use crate::realm::{Command, ConfirmSecret, Outcome, Refusal, TokenHash};
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
/// A secret that changes while its code is checked is checked again, this often.
const TRIES: usize = 3;

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
            (0..RECOVERY_CODES).map(|_| crate::auth::recovery_code::recovery_code()).collect();
        let hash = |code: &String| {
            let plain = crate::auth::normalize_recovery_code(code).unwrap_or_default();
            TokenHash(crate::auth::hash_token(&plain))
        };
        for _ in 0..TRIES {
            let checked = login::check_totp(
                context,
                target.no,
                self.mfa_code.expose().trim(),
                SecretState::Pending,
            );
            let (checked, at_secs, _) = checked.map_or((None, None, None), |it| it.into_parts());
            let confirm = ConfirmSecret {
                actor: actor.clone(),
                user_name: Some(target.name.clone()),
                checked,
                at_secs,
                recovery: recovery.iter().map(hash).collect(),
            };
            match context.submit_raw(Command::ConfirmSecret(confirm)).await? {
                Outcome::Done => {
                    return Ok(WithDetails { details: Details { recovery_code: recovery } });
                }
                Outcome::Refused(Refusal::StaleCredential) => {}
                Outcome::Refused(refused) => {
                    context.record_failure();
                    return Err(context.nack(refused));
                }
                _ => return Err(errors::internal_error(Self::TYPE)),
            }
        }
        Err(context.nack(Refusal::StaleCredential))
    }
}
