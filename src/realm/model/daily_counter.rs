//! Failed attempts within one day, limited.

use serde::{Deserialize, Serialize};

use super::ids::{DAY_MS, Millis};

/// Failed attempts of one user in a day; beyond, only clients with a session may try.
const PER_DAY_MAX: u32 = 100;

/// Failed attempts of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyCounter {
    /// The day, in days since the epoch.
    pub no: u64,
    /// Failed attempts on it.
    pub wrong: u32,
}

impl DailyCounter {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.wrong == 0
    }

    /// The counter after one more failed attempt.
    pub(in crate::realm) fn incremented(self, at: Millis) -> Self {
        let no = at / DAY_MS;
        let before = if self.no == no { self.wrong } else { 0 };
        Self { no, wrong: before.saturating_add(1) }
    }

    /// The end of the day if its limit is reached; `None` if more attempts are allowed.
    pub(in crate::realm) fn locked_until(self, at: Millis) -> Option<Millis> {
        let full = self.no == at / DAY_MS && self.wrong >= PER_DAY_MAX;
        full.then(|| (self.no + 1).saturating_mul(DAY_MS))
    }
}
