//! When the rounds of one client begin.

use std::time::Duration;

/// As fast as answers come (a closed loop), or at a rate of its own (an open one).
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// Between two rounds; none: the next begins when the last is through.
    interval: Option<Duration>,
    /// When the next one should begin, once there was a first.
    next: Option<Duration>,
    /// What the first waits, so that clients do not go in step.
    phase: Duration,
    /// No round begins after this.
    until: Option<Duration>,
    /// Rounds that may still begin.
    left: u64,
}

/// A round that may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScheduledRound {
    /// When it should begin, since the run began.
    pub at: Duration,
}

impl Schedule {
    /// The schedule of one of `clients` that begin `rate` rounds a second together.
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

    /// The next round; none: there is no more.
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

    /// How late a round begins now. In a closed loop nothing is late.
    pub fn lateness(&self, round: ScheduledRound, now: Duration) -> Duration {
        match self.interval {
            Some(_) => now.saturating_sub(round.at),
            None => Duration::ZERO,
        }
    }

    /// Whether no round can begin any more: nobody need get ready for one.
    pub fn has_ended(&self, now: Duration) -> bool {
        self.left == 0 || self.until.is_none_or(|until| now >= until)
    }

    /// How many rounds should have begun before the end and did not.
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
        // The second of 10 clients with 100 rounds a second together: one each 100 ms.
        let mut schedule = Schedule::new(Some(100.0), 1, 10, Some(ms(500)), None);
        assert_eq!(schedule.next(ms(5)), Some(ScheduledRound { at: ms(15) }));
        assert_eq!(schedule.next(ms(400)), Some(ScheduledRound { at: ms(115) }));
        assert_eq!(schedule.next(ms(400)), Some(ScheduledRound { at: ms(215) }));
        assert_eq!(schedule.next(ms(501)), None);
        assert_eq!(schedule.missed(), 2);
    }

    #[test]
    fn a_closed_loop_goes_on_at_once_and_for_so_many_rounds() {
        let mut schedule = Schedule::new(None, 0, 10, None, Some(2));
        assert_eq!(schedule.next(ms(3)), Some(ScheduledRound { at: ms(3) }));
        assert_eq!(schedule.next(ms(9)), Some(ScheduledRound { at: ms(9) }));
        assert_eq!((schedule.next(ms(10)), schedule.missed()), (None, 0));
        let mut once = Schedule::new(None, 0, 1, None, None);
        assert!(once.next(ms(1)).is_some());
        assert_eq!(once.next(ms(1)), None);
    }
}
