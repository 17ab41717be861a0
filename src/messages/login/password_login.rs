//! A login by user name and password.

use protocol::{MfaCode, Password, UserName};

use super::ack::LoginAck;
use super::authenticate::authenticate;
use super::reply::reply;
use super::second_factor::{FactorTokens, check_code};
use super::snapshot::LoginSnapshot;
use super::token_pair::TokenPair;
use crate::messages::context::MessageContext;
use crate::messages::stale_retry::{AttemptError, submit_checked};
use crate::realm::{Command, Login};

/// What the client gave.
pub struct PasswordLogin<'a> {
    /// USER_NAME.
    pub user_name: &'a UserName,
    /// PASSWORD.
    pub password: &'a Password,
    /// MFA_CODE.
    pub code: Option<&'a MfaCode>,
}

impl PasswordLogin<'_> {
    /// Checks the password against the realm of now and logs in.
    pub async fn attempt(&self, context: &MessageContext) -> Result<LoginAck, AttemptError> {
        let snapshot = LoginSnapshot::by_name(context, self.user_name);
        self.attempt_with(context, snapshot).await
    }

    /// The same against a snapshot.
    async fn attempt_with(
        &self,
        context: &MessageContext,
        snapshot: LoginSnapshot,
    ) -> Result<LoginAck, AttemptError> {
        let (tokens, factor_tokens) = (TokenPair::generate(), FactorTokens::generate());
        let checked = authenticate(context, self.user_name, self.password, &snapshot).await?;
        let presented = check_code(context, snapshot.second_factor.as_ref(), self.code);
        let session_kind = context.client.token_api.into();
        // An unknown name is submitted, too: the response time must not reveal that it is unknown.
        let login = Login {
            user_name: self.user_name.clone(),
            verdict: checked.verdict,
            checked: checked.checked,
            token_hashes: tokens.hashes(),
            host: context.client.address.to_string(),
            monitored: context.client.outbox.is_some(),
            client: snapshot.client,
            rehash: checked.rehash,
            session_kind,
            second_factor: factor_tokens.hashed(presented, session_kind),
            authenticated_by: checked.authenticated_by,
        };
        let outcome = submit_checked(context, Command::Login(login)).await?;
        Ok(reply(context, outcome, &tokens, factor_tokens)?)
    }
}
