//! EVENT_PASSWORD_RESET_ACTION: a new password by the token of a mailed link (S2,
//! "selfServiceReset").

use std::sync::Arc;

use protocol::{Nack, Password, ResetToken, UserName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::auth::NewHash;
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::passwords::rules::check;
use crate::realm::{Command, Outcome, Refusal, ResetByToken, TokenHash};

/// Whose, the token, and the new password. INVALIDATE_ACTIVE_SESSIONS: whether the user's sessions
/// end; they do unless it is false.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct PasswordResetAction {
    user_name: UserName,
    reset_token: ResetToken,
    new_password: Password,
    invalidate_active_sessions: Option<bool>,
}

/// Done; the next login is by the new password, and by whatever second factor there is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Ack {
    generated: [(); 0],
}

impl Message for PasswordResetAction {
    const TYPE: &'static str = "EVENT_PASSWORD_RESET_ACTION";
    const ACK: &'static str = "EVENT_PASSWORD_RESET_ACTION_ACK";
    const NACK: &'static str = "EVENT_PASSWORD_RESET_ACTION_NACK";
    const ACCESS: Access = Access::Anyone;
    const LOGGED: bool = true;
    type Ack = Ack;

    async fn serve(self, context: &MessageContext) -> Result<Ack, Nack> {
        context.check_failure_limit()?;
        context.set_audited_user(&self.user_name);
        check::check_length(&self.new_password)?;
        let token = TokenHash(crate::auth::hash_token(self.reset_token.expose()));
        let known = context.read(|realm| {
            let user = realm.user_by_reset(context.now, &self.user_name, &token)?;
            Some((user.name.clone(), realm.remembered_hashes(user)))
        });
        let Some((name, old)) = known else {
            return Err(refused(context, Refusal::InvalidOneTimeToken));
        };
        let credential = self.new_hash(context, &name, old).await?;
        let reset = ResetByToken {
            user_name: self.user_name.clone(),
            token,
            credential,
            keep_sessions: self.invalidate_active_sessions == Some(false),
        };
        match context.submit_raw(Command::ResetByToken(reset)).await? {
            Outcome::Done => Ok(Ack { generated: [] }),
            Outcome::Refused(refusal) => Err(refused(context, refusal)),
            _ => Err(errors::unexpected_outcome()),
        }
    }
}

fn refused(context: &MessageContext, refusal: Refusal) -> Nack {
    context.record_failure();
    errors::nack(&context.gateway, context.now, refusal)
}

impl PasswordResetAction {
    /// A password that breaks the rules does not spend the token.
    async fn new_hash(
        &self,
        context: &MessageContext,
        name: &UserName,
        old: Vec<Arc<str>>,
    ) -> Result<Arc<str>, Nack> {
        let rules = context.gateway.settings().security.genesis_password.validation.clone();
        check::check(&rules, &self.user_name, &self.new_password)?;
        let (address, password) = (context.client.address, self.new_password.clone());
        let hash =
            context.gateway.passwords.hash_unless_used(address, password, name.as_str(), old);
        match hash.await.map_err(|busy| context.hash_queue_full(busy))? {
            NewHash::Hash(hash) => Ok(hash.into()),
            NewHash::UsedBefore => Err(check::used_before(&rules)),
        }
    }
}
