//! Login attempts under one user name.

use protocol::UserName;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::daily_counter::DailyCounter;
use super::ids::Millis;
use super::policy::Policy;
/// Places that are remembered for one name: a row has to hold them.
pub(in crate::realm) const NETWORKS_MAX: usize = 24;

/// What happened under a name since its last successful login.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// Wrong passwords that count for the lock of the user.
    #[serde(flatten)]
    pub all: AttemptCount,
    /// The same by where they came from, where that is what is locked; the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(alias = "by_source")]
    pub by_network: Vec<(Box<str>, AttemptCount)>,
    /// Wrong passwords of one day of the log, from wherever: a cap for guesses from many places.
    #[serde(skip_serializing_if = "DailyCounter::is_empty")]
    pub day: DailyCounter,
    /// All wrong passwords since the last login: FAILED_LOGIN_ATTEMPTS.
    pub failed: u32,
    /// Logins refused for another reason: REJECTED_LOGIN_ATTEMPTS.
    pub rejected: u32,
    /// The newest of them.
    pub at: Millis,
}

/// Wrong passwords, and what they led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptCount {
    /// How many count for the lock.
    pub wrong: u32,
    /// The lock, once `wrong` reached the limit.
    pub locked_until: Option<Millis>,
}

impl AttemptCount {
    pub(in crate::realm) fn is_locked(self, at: Millis) -> bool {
        self.locked_until.is_some_and(|until| until > at)
    }

    /// One more, after a lock that is over was forgotten.
    pub(in crate::realm) fn add(&mut self, at: Millis, policy: &Policy) {
        if self.locked_until.is_some_and(|until| until <= at) {
            *self = Self::default();
        }
        self.wrong += 1;
        let locks = self.wrong >= policy.attempts_max;
        self.locked_until = locks.then(|| at.saturating_add(policy.lock_ms));
    }
}

impl Attempts {
    /// What people see of it: the largest count, the latest lock.
    pub fn summary(&self) -> AttemptCount {
        self.by_network.iter().fold(self.all, |shown, (_, one)| AttemptCount {
            wrong: shown.wrong.max(one.wrong),
            locked_until: shown.locked_until.max(one.locked_until),
        })
    }

    /// The same with another count wherever there is one; an administrator set it.
    pub(in crate::realm) fn set_to(
        &self,
        wrong: u32,
        locked_until: Option<Millis>,
        at: Millis,
    ) -> Self {
        let count = AttemptCount { wrong, locked_until };
        let by_network =
            self.by_network.iter().map(|(network, _)| (network.clone(), count)).collect();
        Self { all: count, by_network, day: DailyCounter::default(), at, ..self.clone() }
    }

    pub(in crate::realm) fn for_network(&self, network: &str) -> AttemptCount {
        let found = self.by_network.iter().find(|(it, _)| **it == *network);
        found.map(|(_, count)| *count).unwrap_or_default()
    }

    pub(in crate::realm) fn put(&mut self, network: &str, count: AttemptCount) {
        self.by_network.retain(|(it, _)| **it != *network);
        self.by_network.push((network.into(), count));
        let surplus = self.by_network.len().saturating_sub(NETWORKS_MAX);
        self.by_network.drain(..surplus);
    }
}

/// The number by which the attempts of a name are found and shown: a name need not be a user's. 63
/// bits of SHA-256, so that nobody finds a name that shares another's.
pub fn attempts_ref(name: &UserName) -> u64 {
    let hash: [u8; 32] = Sha256::digest(name.as_str().to_ascii_lowercase()).into();
    hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) >> 1
}
