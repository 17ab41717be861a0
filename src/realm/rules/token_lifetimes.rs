//! Lifetimes of the token API's tokens: set by an administrator, or by the policy.

use crate::realm::command::TokenKind;
use crate::realm::key::Key;
use crate::realm::model::{Actor, EffectiveLifetimes, Millis, SessionKind, TokenLifetimes};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Returns the lifetimes of new tokens.
    pub fn effective_lifetimes(&self) -> EffectiveLifetimes {
        self.lifetimes_with(self.token_lifetimes.unwrap_or_default())
    }

    fn lifetimes_with(&self, set: TokenLifetimes) -> EffectiveLifetimes {
        EffectiveLifetimes {
            access_ms: set.access_ms.unwrap_or(self.policy.access_ms),
            refresh_ms: set.refresh_ms.unwrap_or(self.policy.refresh_ms),
            one_time_ms: set.one_time_ms.unwrap_or(self.policy.one_time_ms),
        }
    }

    /// Returns the lifetime of the refresh token of a session of this kind.
    pub fn refresh_ms(&self, kind: SessionKind) -> Millis {
        match kind {
            SessionKind::Interactive => self.policy.refresh_ms,
            SessionKind::Token => self.effective_lifetimes().refresh_ms,
        }
    }

    pub(in crate::realm) fn amend_lifetimes(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &[(TokenKind, Option<Millis>)],
    ) -> Applied {
        if let Err(refusal) = self.permit(at, actor, "CONNECTOR_SETTINGS") {
            return Applied::refused(refusal);
        }
        let mut set = self.token_lifetimes.unwrap_or_default();
        for (kind, life) in spec {
            match kind {
                TokenKind::Access => set.access_ms = *life,
                TokenKind::Refresh => set.refresh_ms = *life,
                TokenKind::OneTime => set.one_time_ms = *life,
            }
        }
        let lifetimes = self.lifetimes_with(set);
        if lifetimes.refresh_ms <= lifetimes.access_ms {
            return Applied::refused(Refusal::InvalidLifetimes);
        }
        let change = if set == TokenLifetimes::default() {
            Change::Delete(Key::TokenLifetimes)
        } else {
            Change::Put(Row::TokenLifetimes(set))
        };
        Applied::done(Outcome::Done, vec![change])
    }
}
