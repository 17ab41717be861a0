//! The daily limit of failed attempts.

use serde::{Deserialize, Serialize};

use super::ids::{DAY_MS, Millis};

/// Maximum number of failed attempts of one user in a day; passwords and codes of second factors
/// are counted separately. At this number, attempts are refused until the day ends, except from
/// networks in which the user has a session.
const PER_DAY_MAX: u32 = 100;

/// The failed attempts of one day (UTC).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyCounter {
    /// The day, in days since the epoch.
    pub no: u64,
    /// Failed attempts on that day.
    pub wrong: u32,
}

impl DailyCounter {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.wrong == 0
    }

    /// Returns the counter after one more failed attempt. On a new day, the count starts at 1.
    pub(in crate::realm) fn incremented(self, at: Millis) -> Self {
        let no = at / DAY_MS;
        let before = if self.no == no { self.wrong } else { 0 };
        Self { no, wrong: before.saturating_add(1) }
    }

    /// Returns the end of the day if the limit is reached; `None` if more attempts are allowed.
    pub(in crate::realm) fn locked_until(self, at: Millis) -> Option<Millis> {
        let full = self.no == at / DAY_MS && self.wrong >= PER_DAY_MAX;
        full.then(|| (self.no + 1).saturating_mul(DAY_MS))
    }
}
