//! Login attempts under one user name.

use protocol::UserName;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::daily_counter::DailyCounter;
use super::ids::Millis;
use super::policy::Policy;

/// Maximum number of client networks with a count of their own for one name. One row contains all
/// of these counts, and the length of a row is limited.
pub(in crate::realm) const NETWORKS_MAX: usize = 24;

/// The failed and rejected logins under one user name. A successful login clears the counts. With
/// the lock scope `UserAndNetwork`, the counts of other networks remain; if there are any, `day`
/// remains, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempts {
    /// Wrong passwords that count towards the lock of the user (lock scope `User`).
    #[serde(flatten)]
    pub all: AttemptCount,
    /// Wrong passwords by client network (lock scope `UserAndNetwork`); the network with the newest
    /// wrong password is the last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[serde(alias = "by_source")]
    pub by_network: Vec<(Box<str>, AttemptCount)>,
    /// Wrong passwords of one day from all networks that are no places of the user (lock scope
    /// `UserAndNetwork`). Their daily limit slows down guessing from many networks.
    #[serde(skip_serializing_if = "DailyCounter::is_empty")]
    pub day: DailyCounter,
    /// When the newest waiting time after wrong codes of the second factor ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes_locked_until: Option<Millis>,
    /// All wrong passwords since the last successful login: FAILED_LOGIN_ATTEMPTS.
    pub failed: u32,
    /// Logins that were refused for another reason: REJECTED_LOGIN_ATTEMPTS.
    pub rejected: u32,
    /// The time of the newest attempt, or when an administrator last set the count.
    pub at: Millis,
}

/// A count of wrong passwords, and the lock that it caused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptCount {
    /// Wrong passwords that count towards the lock.
    pub wrong: u32,
    /// When the lock ends; `None` until `wrong` reaches the limit.
    pub locked_until: Option<Millis>,
}

impl AttemptCount {
    pub(in crate::realm) fn is_locked(self, at: Millis) -> bool {
        self.locked_until.is_some_and(|until| until > at)
    }

    /// Counts one more wrong password. If a lock has expired, the count starts at 0 again.
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
    /// Returns the count as it is displayed: the largest count of all networks, and the latest lock
    /// or waiting time.
    pub fn summary(&self) -> AttemptCount {
        let waiting = self.day.locked_until.max(self.codes_locked_until);
        let all = AttemptCount { locked_until: self.all.locked_until.max(waiting), ..self.all };
        self.by_network.iter().fold(all, |shown, (_, one)| AttemptCount {
            wrong: shown.wrong.max(one.wrong),
            locked_until: shown.locked_until.max(one.locked_until),
        })
    }

    /// Returns the attempts after an administrator set the count of wrong passwords: all networks
    /// have this count, and the daily counts are cleared.
    pub(in crate::realm) fn set_to(
        &self,
        wrong: u32,
        locked_until: Option<Millis>,
        at: Millis,
    ) -> Self {
        let count = AttemptCount { wrong, locked_until };
        let by_network =
            self.by_network.iter().map(|(network, _)| (network.clone(), count)).collect();
        Self {
            all: count,
            by_network,
            day: DailyCounter::default(),
            codes_locked_until: None,
            at,
            ..self.clone()
        }
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

/// Returns the number that identifies the attempts under a name. A user number would not suffice,
/// because a name may belong to no user. The number consists of 63 bits of a SHA-256, so that an
/// attacker cannot find a second name with the same number.
pub fn attempts_ref(name: &UserName) -> u64 {
    let hash: [u8; 32] = Sha256::digest(name.as_str().to_ascii_lowercase()).into();
    hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) >> 1
}
