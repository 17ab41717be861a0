//! Wrong passwords: counted by name, locked at the limit, forgotten after a success.

use protocol::UserName;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::outcome::Refusal;
use super::row::{Change, Key, Row};
use super::{Millis, Realm};

/// What happened under a name since its last successful login.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// Wrong passwords that count for the lock.
    pub wrong: u32,
    /// The lock, once `wrong` reached the limit.
    pub locked_until: Option<Millis>,
    /// All wrong passwords since the last login: FAILED_LOGIN_ATTEMPTS.
    pub failed: u32,
    /// Logins refused for another reason: REJECTED_LOGIN_ATTEMPTS.
    pub rejected: u32,
    /// The newest of them.
    pub at: Millis,
}

/// Names without a user that are remembered at most; beyond, the oldest goes. Nothing else forgets
/// them: a name that is forgotten sooner than a user's would tell that it is none.
const UNKNOWN_MAX: usize = 10_000;

/// The number by which the attempts of a name are found and shown: a name need not be a user's. 63
/// bits of SHA-256, so that nobody finds a name that shares another's.
pub fn attempts_ref(name: &UserName) -> u64 {
    let hash: [u8; 32] = Sha256::digest(name.as_str().to_ascii_lowercase()).into();
    hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) >> 1
}

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

    /// Until when logins under this name are refused because of wrong passwords.
    pub fn locked_until(&self, at: Millis, name: &UserName) -> Option<Millis> {
        self.attempts.get(name)?.locked_until.filter(|until| *until > at)
    }

    /// Whether wrong passwords under this name are counted: strangers only where they must look
    /// like users.
    pub fn counts(&self, name: &UserName) -> bool {
        self.policy.uniform || self.user_names.contains_key(name)
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
    pub(super) fn count_wrong(&self, at: Millis, name: &UserName) -> (Refusal, Vec<Change>) {
        let mut attempts = self.attempts.get(name).cloned().unwrap_or_default();
        if attempts.locked_until.is_some_and(|until| until <= at) {
            attempts.wrong = 0;
            attempts.locked_until = None;
        }
        attempts.wrong += 1;
        attempts.failed += 1;
        attempts.at = at;
        let mut refusal = Refusal::IncorrectCredentials;
        if attempts.wrong >= self.policy.attempts_max {
            let until = at.saturating_add(self.policy.lock_ms);
            attempts.locked_until = Some(until);
            refusal = Refusal::Locked { until: Some(until) };
        }
        (refusal, self.remember(name, attempts))
    }

    /// Counts a login that was refused although the password was right.
    pub(super) fn count_rejected(&self, at: Millis, name: &UserName) -> Vec<Change> {
        let mut attempts = self.attempts.get(name).cloned().unwrap_or_default();
        attempts.rejected += 1;
        attempts.at = at;
        self.remember(name, attempts)
    }

    fn remember(&self, name: &UserName, attempts: Attempts) -> Vec<Change> {
        let mut changes = Vec::new();
        let unknown = !self.user_names.contains_key(name) && !self.attempts.contains_key(name);
        // The exact count is only taken when the table is large enough to matter.
        let full = || self.attempts.len() - self.attempts_known() >= UNKNOWN_MAX;
        if unknown && self.attempts.len() >= UNKNOWN_MAX && full() {
            let strangers =
                self.attempts.iter().filter(|(name, _)| !self.user_names.contains_key(*name));
            if let Some((oldest, _)) = strangers.min_by_key(|(_, attempts)| attempts.at) {
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
