//! Schedule of the rounds of one client.

use std::time::Duration;

/// The schedule of one client: a closed loop starts a round after the previous one, an open loop
/// starts rounds at a fixed rate.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// Time between the starts of two rounds; `None` in a closed loop.
    interval: Option<Duration>,
    /// Scheduled start of the next round; `None` before the first round, and in a closed loop.
    next: Option<Duration>,
    /// Delay of the first round, so that the clients do not start their rounds together.
    phase: Duration,
    /// No round starts at or after this time.
    until: Option<Duration>,
    /// Number of rounds that may still start.
    left: u64,
}

/// A round that is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScheduledRound {
    /// Its scheduled start, since the start of the run.
    pub at: Duration,
}

impl Schedule {
    /// Creates the schedule of the client with the number `client`. All `clients` together start
    /// `rate` rounds per second.
    pub fn new(
        rate: Option<f64>,
        client: usize,
        clients: usize,
        until: Option<Duration>,
        rounds: Option<u64>,
    ) -> Self {
        let share_of = |share: f64| rate.map(|rate| Duration::from_secs_f64(share / rate));
        let interval = share_of(clients as f64);
        let phase = share_of(client as f64).unwrap_or_default();
        let left = rounds.unwrap_or(if until.is_some() { u64::MAX } else { 1 });
        Self { interval, next: None, phase, until, left }
    }

    /// Returns the next round; `None` if no more rounds start.
    pub fn next(&mut self, now: Duration) -> Option<ScheduledRound> {
        let at = match (self.interval, self.next) {
            (None, _) => now,
            (Some(_), None) => now + self.phase,
            (Some(_), Some(next)) => next,
        };
        if self.left == 0 || self.until.is_some_and(|until| at.max(now) >= until) {
            return None;
        }
        self.left -= 1;
        self.next = self.interval.map(|interval| at + interval);
        Some(ScheduledRound { at })
    }

    /// Returns how late a round is if it starts now; zero in a closed loop.
    pub fn lateness(&self, round: ScheduledRound, now: Duration) -> Duration {
        match self.interval {
            Some(_) => now.saturating_sub(round.at),
            None => Duration::ZERO,
        }
    }

    /// Whether a client that failed to prepare for its rounds gives up: no rounds are left, the run
    /// has no duration, or the duration has passed.
    pub fn has_ended(&self, now: Duration) -> bool {
        self.left == 0 || self.until.is_none_or(|until| now >= until)
    }

    /// Returns the number of rounds that were scheduled before the end but not started.
    pub fn missed(&self) -> u64 {
        let (Some(interval), Some(next), Some(until)) = (self.interval, self.next, self.until)
        else {
            return 0;
        };
        let missed = until.saturating_sub(next).as_secs_f64() / interval.as_secs_f64().max(1e-9);
        (missed.ceil() as u64).min(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_open_loop_keeps_its_times_however_late_a_round_is() {
        // The second of 10 clients that start 100 rounds per second together: each client starts
        // one every 100 ms.
        let mut schedule = Schedule::new(Some(100.0), 1, 10, Some(ms(500)), None);
        assert_eq!(schedule.next(ms(5)), Some(ScheduledRound { at: ms(15) }));
        assert_eq!(schedule.next(ms(400)), Some(ScheduledRound { at: ms(115) }));
        assert_eq!(schedule.next(ms(400)), Some(ScheduledRound { at: ms(215) }));
        assert_eq!(schedule.next(ms(501)), None);
        assert_eq!(schedule.missed(), 2);
    }

    #[test]
    fn a_closed_loop_starts_the_next_round_at_once_until_the_last() {
        let mut schedule = Schedule::new(None, 0, 10, None, Some(2));
        assert_eq!(schedule.next(ms(3)), Some(ScheduledRound { at: ms(3) }));
        assert_eq!(schedule.next(ms(9)), Some(ScheduledRound { at: ms(9) }));
        assert_eq!((schedule.next(ms(10)), schedule.missed()), (None, 0));
        let mut once = Schedule::new(None, 0, 1, None, None);
        assert!(once.next(ms(1)).is_some());
        assert_eq!(once.next(ms(1)), None);
    }
}
