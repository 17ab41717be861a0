//! Rate limit for the messages of one connection, in windows of one second.

use crate::realm::Millis;

/// A WebSocket connection that exceeds this multiple of its rate is closed.
const FLOOD_FACTOR: u32 = 10;

/// The number of messages that a connection sent in the current window.
#[derive(Debug, Clone)]
pub struct RequestRate {
    per_second: u32,
    window_start: Millis,
    in_window: u32,
}

/// The decision on one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateDecision {
    /// The message is served.
    Serve,
    /// The message is refused; the next window begins after this many milliseconds.
    Refuse(Millis),
    /// Like [`RateDecision::Refuse`], but the connection exceeds ten times its rate.
    Flood(Millis),
}

impl RequestRate {
    /// Creates a limit of `per_second` messages for a connection that was opened at `now`.
    pub fn new(per_second: u32, now: Millis) -> Self {
        Self { per_second, window_start: now, in_window: 0 }
    }

    /// Counts one message and decides on it.
    pub fn count(&mut self, now: Millis) -> RateDecision {
        if now >= self.window_start + 1_000 {
            self.window_start = now;
            self.in_window = 0;
        }
        self.in_window = self.in_window.saturating_add(1);
        if self.in_window <= self.per_second {
            return RateDecision::Serve;
        }
        let wait_ms = (self.window_start + 1_000).saturating_sub(now);
        if self.in_window > self.per_second.saturating_mul(FLOOD_FACTOR) {
            RateDecision::Flood(wait_ms)
        } else {
            RateDecision::Refuse(wait_ms)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_over_the_rate_are_refused_and_over_ten_times_the_rate_are_a_flood() {
        let mut rate = RequestRate::new(2, 1_000);
        let mut count = |now| rate.count(now);
        assert_eq!([count(1_000), count(1_900)], [RateDecision::Serve; 2]);
        assert_eq!(count(1_900), RateDecision::Refuse(100));
        let last = (4..=21).map(|_| count(1_950)).last();
        assert_eq!(last, Some(RateDecision::Flood(50)));
        assert_eq!(count(2_000), RateDecision::Serve, "no new window began");
    }
}
