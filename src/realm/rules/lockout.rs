//! Wrong passwords: counted by name, locked at the limit, forgotten after a success.

use protocol::UserName;

use crate::realm::model::{Attempts, LockoutScope, LoginClient, Millis};
use crate::realm::outcome::Refusal;
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;

/// Names without a user that are remembered at most; beyond, the oldest goes. Nothing else forgets
/// them: a name that is forgotten sooner than a user's would tell that it is none.
const UNKNOWN_MAX: usize = 10_000;

impl Realm {
    /// What happened under the name with this number.
    pub fn attempts_at(&self, number: u64) -> Option<(&UserName, &Attempts)> {
        self.attempts.get_key_value(self.attempts_refs.get(&number)?)
    }

    /// The numbers of all names with attempts, from the one after `after`.
    pub fn attempts_after(&self, after: Option<u64>) -> impl Iterator<Item = u64> + '_ {
        let from = after.map_or(0, |after| after.saturating_add(1));
        self.attempts_refs.range(from..).map(|(number, _)| *number)
    }

    /// Until when logins under this name from there are refused because of wrong passwords.
    pub fn locked_until(
        &self,
        at: Millis,
        name: &UserName,
        client: &LoginClient,
    ) -> Option<Millis> {
        let attempts = self.attempts.get(name)?;
        if self.policy.lock_scope == LockoutScope::User {
            return attempts.all.locked_until.filter(|_| attempts.all.is_locked(at));
        }
        let here = attempts.for_network(&client.network);
        let day_ends = attempts.day.locked_until(at).filter(|_| !client.familiar);
        let until = here.locked_until.filter(|_| here.is_locked(at));
        until.max(day_ends)
    }

    /// What happened under this name.
    pub fn attempts_of(&self, name: &UserName) -> Option<&Attempts> {
        self.attempts.get(name)
    }

    /// All names with attempts.
    pub fn attempts(&self) -> impl Iterator<Item = (&UserName, &Attempts)> {
        self.attempts.iter()
    }

    /// Counts one wrong password. The attempt that reaches the limit already answers "locked".
    pub(super) fn count_wrong(
        &self,
        at: Millis,
        name: &UserName,
        client: &LoginClient,
    ) -> (Refusal, Vec<Change>) {
        let mut attempts = self.attempts.get(name).cloned().unwrap_or_default();
        attempts.failed += 1;
        attempts.at = at;
        let count = match self.policy.lock_scope {
            LockoutScope::User => {
                attempts.all.add(at, &self.policy);
                attempts.all
            }
            LockoutScope::UserAndNetwork => {
                let mut here = attempts.for_network(&client.network);
                here.add(at, &self.policy);
                attempts.put(&client.network, here);
                attempts.day = attempts.day.incremented(at);
                here
            }
        };
        let refusal = match count.locked_until {
            Some(until) => Refusal::Locked { until: Some(until) },
            None => Refusal::IncorrectCredentials,
        };
        (refusal, self.put_attempts(name, attempts))
    }

    /// What a right password from there leaves of the attempts: nothing, but for locks of other
    /// places where those are what is locked. Else its owner would open the way to whoever guesses.
    pub(super) fn forgive(&self, name: &UserName, client: &LoginClient) -> Option<Change> {
        let mut attempts = self.attempts.get(name)?.clone();
        attempts.by_network.retain(|(network, _)| **network != *client.network);
        if self.policy.lock_scope == LockoutScope::User || attempts.by_network.is_empty() {
            return Some(Change::Delete(Key::Attempts(name.clone())));
        }
        let kept = Attempts {
            by_network: attempts.by_network,
            day: attempts.day,
            at: attempts.at,
            ..Attempts::default()
        };
        Some(Change::Put(Row::Attempts(name.clone(), kept)))
    }

    /// Counts a login that was refused although the password was right.
    pub(super) fn count_rejected(&self, at: Millis, name: &UserName) -> Vec<Change> {
        let mut attempts = self.attempts.get(name).cloned().unwrap_or_default();
        attempts.rejected += 1;
        attempts.at = at;
        self.put_attempts(name, attempts)
    }

    fn put_attempts(&self, name: &UserName, attempts: Attempts) -> Vec<Change> {
        let mut changes = Vec::new();
        let unknown = !self.user_names.contains_key(name) && !self.attempts.contains_key(name);
        // The exact count is only taken when the table is large enough to matter.
        let full = || self.attempts.len() - self.attempts_known() >= UNKNOWN_MAX;
        if unknown && self.attempts.len() >= UNKNOWN_MAX && full() {
            let others =
                self.attempts.iter().filter(|(name, _)| !self.user_names.contains_key(*name));
            if let Some((oldest, _)) = others.min_by_key(|(_, attempts)| attempts.at) {
                changes.push(Change::Delete(Key::Attempts(oldest.clone())));
            }
        }
        changes.push(Change::Put(Row::Attempts(name.clone(), attempts)));
        changes
    }

    fn attempts_known(&self) -> usize {
        self.attempts.keys().filter(|name| self.user_names.contains_key(*name)).count()
    }
}
