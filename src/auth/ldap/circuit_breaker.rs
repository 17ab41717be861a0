//! A circuit breaker for directories: after a failure no login waits for the server for a while.
//!
//! Times are epoch milliseconds, given by the caller, so that tests need no clock. That and the
//! doubling wait are all that is needed of a crate such as failsafe.

use parking_lot::Mutex;

/// After the first failure; it doubles with each that follows,
const WAIT_MIN_MS: u64 = 5_000;
/// up to this.
const WAIT_MAX_MS: u64 = 60_000;

/// Whether a server is worth asking.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// When it may be asked again; none: at once.
    retry_at: Option<u64>,
}

impl Breaker {
    /// Whether it may be asked now. Once its time is over one caller tries, and the others wait for
    /// what comes of it.
    pub fn allow(&self, now: u64) -> bool {
        let mut state = self.state.lock();
        match state.retry_at {
            None => true,
            Some(retry_at) if now < retry_at => false,
            Some(_) => {
                state.retry_at = Some(now + WAIT_MIN_MS);
                true
            }
        }
    }

    /// It answered.
    pub fn success(&self) {
        *self.state.lock() = State::default();
    }

    /// It did not.
    pub fn failure(&self, now: u64) {
        let mut state = self.state.lock();
        let wait = (WAIT_MIN_MS << state.failures.min(8)).min(WAIT_MAX_MS);
        // Those who asked at once failed for one reason.
        if state.retry_at.is_none_or(|retry_at| retry_at <= now + WAIT_MIN_MS) {
            state.failures += 1;
            state.retry_at = Some(now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_failed_is_left_alone_and_one_caller_tries_it_again() {
        let breaker = Breaker::default();
        let failed_at = 1_000;
        assert!(breaker.allow(failed_at));
        breaker.failure(failed_at);
        assert!(!breaker.allow(failed_at + WAIT_MIN_MS - 1));
        let again_at = failed_at + WAIT_MIN_MS;
        assert!(breaker.allow(again_at));
        assert!(!breaker.allow(again_at), "one tries");
        breaker.failure(again_at);
        assert!(!breaker.allow(again_at + WAIT_MIN_MS), "it waits longer the second time");
        assert!(breaker.allow(again_at + 2 * WAIT_MIN_MS));
        breaker.success();
        assert!(breaker.allow(again_at) && breaker.allow(again_at));
    }

    #[test]
    fn those_who_failed_together_count_once() {
        let breaker = Breaker::default();
        for _ in 0..50 {
            breaker.failure(1_000);
        }
        assert!(breaker.allow(1_000 + 2 * WAIT_MIN_MS));
    }
}
