//! One-time tokens of sessions (TraderEvolution BO API, "OTT verification").
//!
//! A session creates the tokens. Each token is valid for a short time and accepted once.

use crate::realm::command::SpendOneTime;
use crate::realm::key::Key;
use crate::realm::model::{Actor, Millis, OneTime, TokenHash};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of valid tokens of one user.
const TOKENS_MAX: usize = 10;

impl Realm {
    /// Whether a token is valid now. The user of a token is revealed to clients only when the token
    /// is spent.
    pub fn one_time_token_is_valid(&self, at: Millis, token: &TokenHash) -> bool {
        self.valid_one_time_token_user(at, token).is_some()
    }

    /// Returns the user of a token, even if the token has expired.
    pub fn one_time_token_user(&self, token: &TokenHash) -> Option<&crate::realm::model::User> {
        self.user(self.one_time.get(token)?.user)
    }

    fn valid_one_time_token_user(
        &self,
        at: Millis,
        token: &TokenHash,
    ) -> Option<&crate::realm::model::User> {
        let it = self.one_time.get(token).filter(|it| at < it.until)?;
        // The tokens of a dormant session stay valid, because the session can be resumed. The
        // tokens of a deleted session are invalid.
        self.sessions.get(&it.session)?;
        self.user(it.user).filter(|user| Self::rights_apply(user.status))
    }

    /// Returns the changes that delete expired tokens.
    pub(super) fn expired_one_time_tokens(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        self.one_time.expired(at).map(|hash| Change::Delete(Key::OneTime(hash)))
    }

    pub(in crate::realm) fn create_one_time(
        &self,
        at: Millis,
        actor: &Actor,
        token: TokenHash,
    ) -> Applied {
        let Actor::Session(no) = actor else { return Applied::refused(Refusal::NoSession) };
        let session = self.sessions.get(no).filter(|session| session.is_live(at, &self.policy));
        let Some(session) = session else { return Applied::refused(Refusal::NoSession) };
        let user = session.user;
        let (expired, live): (Vec<_>, Vec<_>) =
            self.one_time.for_user(user).partition(|(_, it)| it.until <= at);
        if let (Some((_, first)), true) = (live.first(), live.len() >= TOKENS_MAX) {
            return Applied::refused(Refusal::OneTimeTokenLimit(first.until));
        }
        let mut changes: Vec<_> =
            expired.into_iter().map(|(hash, _)| Change::Delete(Key::OneTime(hash))).collect();
        let until = at.saturating_add(self.effective_lifetimes().one_time_ms);
        changes.push(Change::Put(Row::OneTime(token, OneTime { user, session: *no, until })));
        Applied::done(Outcome::Done, changes)
    }

    /// Spends a token and returns its user. If concurrent requests present the same token, only one
    /// request succeeds.
    pub(in crate::realm) fn spend_one_time(&self, at: Millis, spend: &SpendOneTime) -> Applied {
        if let Some(actor) = &spend.actor
            && let Err(refusal) = self.permit(at, actor, "VERIFY_OTT")
        {
            return Applied::refused(refusal);
        }
        match self.valid_one_time_token_user(at, &spend.token) {
            Some(user) => {
                let changes = vec![Change::Delete(Key::OneTime(spend.token))];
                Applied::done(Outcome::OneTimeTokenUsed(user.name.clone()), changes)
            }
            None => Applied::refused(Refusal::InvalidOneTimeToken),
        }
    }
}
