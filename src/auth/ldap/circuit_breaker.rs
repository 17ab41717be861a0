//! A circuit breaker for LDAP servers: after a failure, logins skip the server temporarily.
//!
//! The caller passes the time in epoch milliseconds, so that tests need no clock. A crate such as
//! failsafe is not used, because only the skipping and the doubling wait are needed.

use parking_lot::Mutex;

/// Wait after the first failure; it doubles with each further failure.
const WAIT_MIN_MS: u64 = 5_000;
/// Maximum wait.
const WAIT_MAX_MS: u64 = 60_000;

/// The circuit breaker of one server.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// When the server may be tried again; `None` means at once.
    retry_at: Option<u64>,
    /// Whether a caller tries the server after a wait, and its result is not recorded yet.
    trying: bool,
}

impl Breaker {
    /// Whether the server may be tried now. After the wait, one caller gets true and tries the
    /// server. The others get false until the result of this try is recorded, at most for another
    /// `WAIT_MIN_MS`.
    pub fn allow(&self, now: u64) -> bool {
        let mut state = self.state.lock();
        match state.retry_at {
            None => true,
            Some(retry_at) if now < retry_at => false,
            Some(_) => {
                state.retry_at = Some(now + WAIT_MIN_MS);
                state.trying = true;
                true
            }
        }
    }

    /// Records that the server answered.
    pub fn success(&self) {
        *self.state.lock() = State::default();
    }

    /// Records that the server failed.
    pub fn failure(&self, now: u64) {
        let mut state = self.state.lock();
        // A request that began earlier may fail during the wait. Such a failure is not counted.
        if !state.trying && state.retry_at.is_some_and(|retry_at| now < retry_at) {
            return;
        }
        let wait = (WAIT_MIN_MS << state.failures.min(8)).min(WAIT_MAX_MS);
        *state = State { failures: state.failures + 1, retry_at: Some(now + wait), trying: false };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_failed_is_skipped_and_one_caller_tries_it_again() {
        let breaker = Breaker::default();
        let failed_at = 1_000;
        assert!(breaker.allow(failed_at));
        breaker.failure(failed_at);
        assert!(!breaker.allow(failed_at + WAIT_MIN_MS - 1));
        let again_at = failed_at + WAIT_MIN_MS;
        assert!(breaker.allow(again_at));
        assert!(!breaker.allow(again_at), "a second caller must not try");
        breaker.failure(again_at);
        assert!(!breaker.allow(again_at + WAIT_MIN_MS), "the second wait must be longer");
        assert!(breaker.allow(again_at + 2 * WAIT_MIN_MS));
        breaker.success();
        assert!(breaker.allow(again_at) && breaker.allow(again_at));
    }

    #[test]
    fn concurrent_failures_count_as_one() {
        let breaker = Breaker::default();
        for _ in 0..50 {
            breaker.failure(1_000);
        }
        let again_at = 1_000 + WAIT_MIN_MS;
        assert!(breaker.allow(again_at));
        for _ in 0..50 {
            breaker.failure(again_at + 1);
        }
        assert!(!breaker.allow(again_at + 2 * WAIT_MIN_MS));
        assert!(breaker.allow(again_at + 1 + 2 * WAIT_MIN_MS));
    }
}
