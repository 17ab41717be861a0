//! Locks after wrong passwords, which are counted by user name.

use protocol::UserName;

use crate::realm::key::Key;
use crate::realm::model::{Attempts, LockoutScope, LoginClient, Millis};
use crate::realm::outcome::Refusal;
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of unknown names whose attempts are kept; a further name replaces the name whose
/// last attempt is the oldest. These attempts do not expire: if they expired sooner than the
/// attempts of users, a client could find out that no user has the name.
const UNKNOWN_MAX: usize = 10_000;

impl Realm {
    /// Returns the name whose attempts have this number, and the attempts.
    pub fn attempts_at(&self, number: u64) -> Option<(&UserName, &Attempts)> {
        self.attempts.get_key_value(self.attempts_refs.get(&number)?)
    }

    /// Returns the numbers above `after` of all names with attempts, in ascending order.
    pub fn attempts_after(&self, after: Option<u64>) -> impl Iterator<Item = u64> + '_ {
        let from = after.map_or(0, |after| after.saturating_add(1));
        self.attempts_refs.range(from..).map(|(number, _)| *number)
    }

    /// Returns until when logins under this name from this client are refused because of wrong
    /// passwords; `None` if no lock applies.
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
        let until = here.locked_until.filter(|_| here.is_locked(at));
        until.max(self.waits_until(at, name, attempts, client))
    }

    /// Returns the end of the waiting time after wrong passwords from many networks. Places of the
    /// user are exempt, so that an attacker elsewhere does not lock the user out.
    fn waits_until(
        &self,
        at: Millis,
        name: &UserName,
        attempts: &Attempts,
        client: &LoginClient,
    ) -> Option<Millis> {
        if self.is_first_edition() {
            return attempts.day.locked_in_first_edition(at).filter(|_| !client.familiar);
        }
        let until = attempts.day.waits_until(at)?;
        (!self.is_place_of_name(at, name, client)).then_some(until)
    }

    fn is_place_of_name(&self, at: Millis, name: &UserName, client: &LoginClient) -> bool {
        self.user_by_name(name).is_some_and(|user| self.is_place(at, user.no, &client.network))
    }

    /// Returns the attempts under this name.
    pub fn attempts_of(&self, name: &UserName) -> Option<&Attempts> {
        self.attempts.get(name)
    }

    /// Returns all names with attempts.
    pub fn attempts(&self) -> impl Iterator<Item = (&UserName, &Attempts)> {
        self.attempts.iter()
    }

    /// Counts one wrong password. The attempt that causes a lock or a waiting time is itself
    /// refused as locked.
    pub(super) fn count_wrong(
        &self,
        at: Millis,
        name: &UserName,
        client: &LoginClient,
    ) -> (Refusal, Vec<Change>) {
        let mut attempts = self.attempts.get(name).cloned().unwrap_or_default();
        attempts.failed += 1;
        attempts.at = at;
        let locked_until = match self.policy.lock_scope {
            LockoutScope::User => {
                attempts.all.add(at, &self.policy);
                attempts.all.locked_until
            }
            LockoutScope::UserAndNetwork => {
                let mut here = attempts.for_network(&client.network);
                here.add(at, &self.policy);
                attempts.put(&client.network, here);
                here.locked_until.max(self.count_in_day(at, name, client, &mut attempts))
            }
        };
        let refusal = match locked_until {
            Some(until) => Refusal::Locked { until: Some(until) },
            None => Refusal::IncorrectCredentials,
        };
        (refusal, self.put_attempts(name, attempts))
    }

    /// Counts a wrong password towards the daily limit, except from a place of the user. Returns
    /// the end of the waiting time that it causes.
    fn count_in_day(
        &self,
        at: Millis,
        name: &UserName,
        client: &LoginClient,
        attempts: &mut Attempts,
    ) -> Option<Millis> {
        if self.is_first_edition() {
            attempts.day = attempts.day.incremented_in_first_edition(at);
        } else if !self.is_place_of_name(at, name, client) {
            attempts.day = attempts.day.incremented(at, self.policy.lock_ms);
            return attempts.day.locked_until;
        }
        None
    }

    /// Returns the change that clears the attempts after a correct password from this client;
    /// `None` without attempts. If networks are locked separately, the counts of other networks
    /// remain, and with them the daily count: otherwise a login of the user would unlock the
    /// network of an attacker. A waiting time after wrong codes remains, too.
    pub(super) fn forgive(
        &self,
        at: Millis,
        name: &UserName,
        client: &LoginClient,
    ) -> Option<Change> {
        let mut attempts = self.attempts.get(name)?.clone();
        attempts.by_network.retain(|(network, _)| **network != *client.network);
        if self.policy.lock_scope == LockoutScope::User || attempts.by_network.is_empty() {
            attempts.by_network.clear();
            attempts.day = Default::default();
        }
        let codes_locked_until = attempts.codes_locked_until.filter(|until| *until > at);
        if attempts.by_network.is_empty() && codes_locked_until.is_none() {
            return Some(Change::Delete(Key::Attempts(name.clone())));
        }
        let kept = Attempts {
            by_network: attempts.by_network,
            day: attempts.day,
            codes_locked_until,
            at: attempts.at,
            ..Attempts::default()
        };
        Some(Change::Put(Row::Attempts(name.clone(), kept)))
    }

    /// Counts a login that was refused for another reason than a wrong password.
    pub(super) fn count_rejected(&self, at: Millis, name: &UserName) -> Vec<Change> {
        let mut attempts = self.attempts.get(name).cloned().unwrap_or_default();
        attempts.rejected += 1;
        attempts.at = at;
        self.put_attempts(name, attempts)
    }

    fn put_attempts(&self, name: &UserName, attempts: Attempts) -> Vec<Change> {
        let mut changes = Vec::new();
        let unknown = !self.user_names.contains_key(name) && !self.attempts.contains_key(name);
        // The names with a user are counted only if the limit can be reached, because counting
        // reads all attempts.
        let full = || self.attempts.len() - self.user_attempts_count() >= UNKNOWN_MAX;
        if unknown && self.attempts.len() >= UNKNOWN_MAX && full() {
            let unknown_names =
                self.attempts.iter().filter(|(name, _)| !self.user_names.contains_key(*name));
            if let Some((oldest, _)) = unknown_names.min_by_key(|(_, attempts)| attempts.at) {
                changes.push(Change::Delete(Key::Attempts(oldest.clone())));
            }
        }
        changes.push(Change::Put(Row::Attempts(name.clone(), attempts)));
        changes
    }

    /// Returns the number of names with attempts that belong to users.
    fn user_attempts_count(&self) -> usize {
        self.attempts.keys().filter(|name| self.user_names.contains_key(*name)).count()
    }
}
