//! Connectors: the life times of S1's tokens, from the policy or as an administrator set them (S1,
//! "Connectors settings").

use crate::realm::command::TokenKind;
use crate::realm::model::{Actor, EffectiveLifetimes, Millis, TokenLifetimes};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;
impl Realm {
    /// The life times of new tokens.
    pub fn lives(&self) -> EffectiveLifetimes {
        self.lives_with(self.connectors.unwrap_or_default())
    }

    fn lives_with(&self, set: TokenLifetimes) -> EffectiveLifetimes {
        EffectiveLifetimes {
            access_ms: set.access_ms.unwrap_or(self.policy.access_ms),
            refresh_ms: set.refresh_ms.unwrap_or(self.policy.refresh_ms),
            one_time_ms: set.one_time_ms.unwrap_or(self.policy.one_time_ms),
        }
    }

    /// For how long a refresh token is good.
    pub fn refresh_ms(&self, connector: bool) -> Millis {
        if connector { self.lives().refresh_ms } else { self.policy.refresh_ms }
    }

    pub(in crate::realm) fn amend_connectors(
        &self,
        at: Millis,
        by: &Actor,
        wanted: &[(TokenKind, Option<Millis>)],
    ) -> Applied {
        if let Err(refusal) = self.permit(at, by, "CONNECTOR_SETTINGS") {
            return Applied::refused(refusal);
        }
        let mut set = self.connectors.unwrap_or_default();
        for (kind, life) in wanted {
            match kind {
                TokenKind::Access => set.access_ms = *life,
                TokenKind::Refresh => set.refresh_ms = *life,
                TokenKind::OneTime => set.one_time_ms = *life,
            }
        }
        let lives = self.lives_with(set);
        if lives.refresh_ms <= lives.access_ms {
            return Applied::refused(Refusal::InvalidLifetimes);
        }
        let change = match set == TokenLifetimes::default() {
            true => Change::Delete(Key::Connectors),
            false => Change::Put(Row::Connectors(set)),
        };
        Applied::done(Outcome::Done, vec![change])
    }
}
