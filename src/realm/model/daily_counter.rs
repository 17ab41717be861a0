//! The daily limit of failed attempts.

use serde::{Deserialize, Serialize};

use super::ids::{DAY_MS, Millis};

/// Maximum number of failed attempts of one user in a day that cause no waiting time; passwords and
/// codes of second factors are counted separately.
const PER_DAY_MAX: u32 = 100;
/// Maximum waiting time.
const WAIT_MAX_MS: Millis = 60 * 60_000;

/// The failed attempts of one day (UTC). The hundredth causes a waiting time, and each further one
/// twice as much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyCounter {
    /// The day, in days since the epoch.
    pub no: u64,
    /// Failed attempts on that day.
    pub wrong: u32,
    /// When the waiting time ends; `None` if the last failed attempt caused none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Millis>,
}

impl DailyCounter {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.wrong == 0
    }

    /// Returns the counter after one more failed attempt. On a new day, the count starts at 1. The
    /// first waiting time is `first_wait_ms`.
    pub(in crate::realm) fn incremented(self, at: Millis, first_wait_ms: Millis) -> Self {
        let counted = self.incremented_in_first_edition(at);
        let wait_ms = |doublings: u32| {
            let factor = 1_u64.checked_shl(doublings).unwrap_or(Millis::MAX);
            first_wait_ms.max(1).saturating_mul(factor).min(WAIT_MAX_MS)
        };
        let doublings = counted.wrong.checked_sub(PER_DAY_MAX);
        let locked_until = doublings.map(|doublings| at.saturating_add(wait_ms(doublings)));
        Self { locked_until, ..counted }
    }

    /// Returns the counter after one more failed attempt under [`Edition::First`].
    ///
    /// [`Edition::First`]: crate::realm::Edition::First
    pub(in crate::realm) fn incremented_in_first_edition(self, at: Millis) -> Self {
        let no = at / DAY_MS;
        let before = if self.no == no { self.wrong } else { 0 };
        Self { no, wrong: before.saturating_add(1), locked_until: None }
    }

    /// Returns the end of the waiting time; `None` if attempts are allowed.
    pub(in crate::realm) fn waits_until(self, at: Millis) -> Option<Millis> {
        self.locked_until.filter(|until| *until > at)
    }

    /// Returns the end of the day if the limit is reached, which locks under [`Edition::First`].
    ///
    /// [`Edition::First`]: crate::realm::Edition::First
    pub(in crate::realm) fn locked_in_first_edition(self, at: Millis) -> Option<Millis> {
        let full = self.no == at / DAY_MS && self.wrong >= PER_DAY_MAX;
        full.then(|| (self.no + 1).saturating_mul(DAY_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waiting_time_doubles_up_to_an_hour() {
        let (mut counter, mut at) = (DailyCounter::default(), 1_000 * DAY_MS);
        for _ in 0..99 {
            counter = counter.incremented(at, 5 * 60_000);
            assert_eq!(counter.waits_until(at), None);
        }
        for minutes in [5, 10, 20, 40, 60, 60] {
            counter = counter.incremented(at, 5 * 60_000);
            let until = at + minutes * 60_000;
            assert_eq!(counter.waits_until(at), Some(until));
            assert_eq!(counter.waits_until(until), None);
            at = until;
        }
        assert_eq!(counter.incremented(at + DAY_MS, 5 * 60_000).wrong, 1);
    }

    #[test]
    fn no_number_of_attempts_and_no_first_wait_overflows() {
        let full = DailyCounter { no: 0, wrong: u32::MAX, locked_until: None };
        for first in [0, 1, u64::MAX] {
            assert_eq!(full.incremented(0, first).waits_until(0), Some(WAIT_MAX_MS));
        }
    }
}
