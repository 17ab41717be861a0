//! A circuit breaker: a server that failed is left alone for a while, so that not every login waits
//! for it.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// After the first failure; it doubles with each that follows,
const FIRST: Duration = Duration::from_secs(5);
/// up to this.
const LAST: Duration = Duration::from_secs(60);

/// Whether a server is worth asking.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    again: Option<Instant>,
}

impl Breaker {
    /// Whether it may be asked now. Once its time is over one caller tries, and the others wait for
    /// what comes of it.
    pub fn admits(&self) -> bool {
        let mut state = self.state.lock();
        let now = Instant::now();
        match state.again {
            None => true,
            Some(again) if now < again => false,
            Some(_) => {
                state.again = Some(now + FIRST);
                true
            }
        }
    }

    /// It answered.
    pub fn worked(&self) {
        *self.state.lock() = State::default();
    }

    /// It did not.
    pub fn failed(&self) {
        let mut state = self.state.lock();
        let wait = FIRST.saturating_mul(1 << state.failures.min(8)).min(LAST);
        // Those who asked at once failed for one reason.
        let now = Instant::now();
        if state.again.is_none_or(|again| again <= now + FIRST) {
            state.failures += 1;
            state.again = Some(now + wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_failed_is_left_alone_and_one_caller_tries_it_again() {
        let breaker = Breaker::default();
        assert!(breaker.admits());
        breaker.failed();
        assert!(!breaker.admits());
        tokio::time::advance(FIRST).await;
        assert!(breaker.admits());
        assert!(!breaker.admits(), "one tries");
        breaker.failed();
        tokio::time::advance(FIRST).await;
        assert!(!breaker.admits(), "it waits longer the second time");
        tokio::time::advance(FIRST).await;
        assert!(breaker.admits());
        breaker.worked();
        assert!(breaker.admits() && breaker.admits());
    }
}
