//! EVENT_PASSWORD_RESET_ACTION: sets a new password by the token of a mailed reset link.
//!
//! See Genesis authentication, "selfServiceReset".

use protocol::{Nack, Password, ResetToken, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::messages::attempt::Attempt;
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::messages::passwords::new_hash::new_hash;
use crate::messages::passwords::rules::check;
use crate::messages::record::Generated;
use crate::realm::{Command, Outcome, Refusal, ResetByToken, TokenHash};

/// The user, the token of the mailed link and the new password.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct PasswordResetAction {
    /// Name of the user: the parameter `user` of the link.
    user_name: UserName,
    /// Token of the mailed link: its parameter `token`. The token can be used once.
    reset_token: ResetToken,
    /// New password. It must comply with the password rules; if it does not, the token can still be
    /// used.
    new_password: Password,
    /// Whether all sessions of the user end, with PASSWORD_CHANGED; true if absent.
    invalidate_active_sessions: Option<bool>,
}

impl Message for PasswordResetAction {
    const TYPE: &'static str = "EVENT_PASSWORD_RESET_ACTION";
    const SUMMARY: &'static str = "Sets a new password by the token of a mailed link.";
    const ACK: &'static str = "EVENT_PASSWORD_RESET_ACTION_ACK";
    const NACK: &'static str = "EVENT_PASSWORD_RESET_ACTION_NACK";
    const ACCESS: Access = Access::Anyone;
    const LOGGED: bool = true;
    type Ack = Generated;

    async fn serve(self, context: &MessageContext) -> Result<Generated, Nack> {
        context.set_audited_user(&self.user_name);
        context.set_audited_target(Some(self.user_name.to_string()));
        let attempt = Attempt::begin(context, Some(&self.user_name)).await?;
        check::check_length(&self.new_password)?;
        let token = TokenHash(crate::auth::hash_token(self.reset_token.expose()));
        let known = context.read(|realm| {
            let user = realm.user_by_reset(context.now, &self.user_name, &token)?;
            Some((user.name.clone(), realm.remembered_hashes(user)))
        });
        let Some((name, previous)) = known else {
            attempt.fail();
            return Err(context.nack(Refusal::InvalidOneTimeToken));
        };
        // The check comes before the command, because a password that violates the rules must not
        // use up the token.
        let credential = new_hash(context, &name, &self.new_password, previous).await?;
        let reset = ResetByToken {
            user_name: self.user_name.clone(),
            token,
            credential,
            keep_sessions: self.invalidate_active_sessions == Some(false),
        };
        match context.submit_raw(Command::ResetByToken(reset)).await? {
            Outcome::Done => Ok(Generated::default()),
            Outcome::Refused(refusal) => {
                attempt.fail();
                Err(context.nack(refusal))
            }
            _ => Err(errors::internal_error(Self::TYPE)),
        }
    }
}
