//! The gateway's clock. No other file reads a system clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Largest correction by one [`Clock::discipline`], in milliseconds.
const SLEW_MAX_MS: i64 = 5;

/// The clock of a gateway: the wall clock at the start plus the monotonic time since then. Its time
/// never goes back, and changes of the wall clock do not make it jump. Clones share one time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    start_ms: u64,
    mode: ClockMode,
    /// Sum of all corrections and advances.
    offset_ms: AtomicI64,
    /// Wall clock minus this clock, after the last correction.
    skew_ms: AtomicI64,
    /// The latest time that was returned.
    last_ms: AtomicU64,
}

#[derive(Debug)]
enum ClockMode {
    /// Follows the monotonic clock since this instant, corrected towards the wall clock.
    Wall(Instant),
    /// Follows only tokio's clock since this instant.
    Detached(Instant),
    /// Changes only when it is set or advanced.
    Still,
}

impl Clock {
    /// Creates the clock of a gateway.
    pub fn system() -> Self {
        Self::new(wall_ms(), ClockMode::Wall(monotonic()))
    }

    /// Creates a clock that starts at `start_ms` and follows only tokio's clock, also while tokio's
    /// clock is paused: for tests with virtual time.
    pub fn detached(start_ms: u64) -> Self {
        Self::new(start_ms, ClockMode::Detached(monotonic()))
    }

    /// Creates a clock that stays at `start_ms` until [`Clock::advance`]: for tests without tokio.
    pub fn manual(start_ms: u64) -> Self {
        Self::new(start_ms, ClockMode::Still)
    }

    fn new(start_ms: u64, mode: ClockMode) -> Self {
        Self(Arc::new(Inner {
            start_ms,
            mode,
            offset_ms: AtomicI64::new(0),
            skew_ms: AtomicI64::new(0),
            last_ms: AtomicU64::new(start_ms),
        }))
    }

    /// Returns the milliseconds since 1970; never less than an earlier call returned.
    pub fn now(&self) -> u64 {
        self.never_back(self.raw_ms(monotonic()))
    }

    /// Returns `now`, or the latest time returned so far if that is later.
    fn never_back(&self, now: u64) -> u64 {
        // Often another call has already stored this millisecond: the read avoids a write, which
        // would invalidate the cache line of all other threads.
        match self.0.last_ms.load(Ordering::Acquire) {
            last if last >= now => last,
            _ => self.0.last_ms.fetch_max(now, Ordering::AcqRel).max(now),
        }
    }

    /// Returns the time and a stopwatch started at that time; reads the clock only once.
    pub fn now_with_stopwatch(&self) -> (u64, Stopwatch) {
        let instant = monotonic();
        (self.never_back(self.raw_ms(instant)), Stopwatch(instant.into_std()))
    }

    /// Moves the time by at most 5 ms towards the wall clock. Must be called about once a second.
    /// Does not affect test clocks.
    pub fn discipline(&self) {
        if let ClockMode::Wall(_) = self.0.mode {
            self.slew(wall_ms());
        }
    }

    /// Moves the time forward to at least `at_ms`, so that no entry of the command log is in the
    /// future. The added time counts as skew until the wall clock has caught up.
    pub fn advance_to(&self, at_ms: u64) {
        let now = self.raw_ms(monotonic());
        let behind = at_ms.saturating_sub(now).cast_signed();
        if behind > 0 {
            self.0.offset_ms.fetch_add(behind, Ordering::AcqRel);
            self.0.skew_ms.store(-behind, Ordering::Relaxed);
        }
    }

    /// Returns by how many milliseconds the wall clock and this clock differed, in either
    /// direction, after the last correction.
    pub fn skew_ms(&self) -> u64 {
        self.0.skew_ms.load(Ordering::Relaxed).unsigned_abs()
    }

    /// Moves the time forward; only for tests.
    pub fn advance(&self, by_ms: u64) {
        self.0.offset_ms.fetch_add(by_ms.cast_signed(), Ordering::AcqRel);
    }

    fn slew(&self, wall_ms: u64) {
        let skew = wall_ms.cast_signed().saturating_sub(self.raw_ms(monotonic()).cast_signed());
        let step = skew.clamp(-SLEW_MAX_MS, SLEW_MAX_MS);
        self.0.offset_ms.fetch_add(step, Ordering::AcqRel);
        self.0.skew_ms.store(skew - step, Ordering::Relaxed);
    }

    fn raw_ms(&self, instant: Instant) -> u64 {
        let since = match self.0.mode {
            ClockMode::Wall(start) | ClockMode::Detached(start) => instant.duration_since(start),
            ClockMode::Still => std::time::Duration::ZERO,
        };
        let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let offset_ms = self.0.offset_ms.load(Ordering::Acquire);
        self.0.start_ms.saturating_add(since_ms).saturating_add_signed(offset_ms)
    }
}

/// A stopwatch that measures a duration.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Returns the seconds since the start, in real time even if tokio's clock is paused.
    pub fn elapsed_secs(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }

    /// Returns the duration since the start.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

/// Starts a stopwatch.
#[expect(clippy::disallowed_methods, reason = "this file reads the clock for all others")]
pub fn stopwatch() -> Stopwatch {
    Stopwatch(std::time::Instant::now())
}

#[expect(clippy::disallowed_methods, reason = "this file reads the clock for all others")]
fn monotonic() -> Instant {
    Instant::now()
}

/// Returns the wall clock in milliseconds since 1970; 0 if the wall clock is before 1970.
#[expect(clippy::disallowed_methods, reason = "this file reads the clock for all others")]
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_manual_clock_moves_when_it_is_moved() {
        let clock = Clock::manual(1_000);
        let clone = clock.clone();
        assert_eq!(clock.now(), 1_000);
        clone.advance(250);
        clone.discipline();
        assert_eq!((clock.now(), clock.skew_ms()), (1_250, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_detached_clock_has_virtual_time() {
        let clock = Clock::detached(5_000);
        tokio::time::sleep(Duration::from_secs(90)).await;
        clock.discipline();
        assert_eq!((clock.now(), clock.skew_ms()), (95_000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_moves_slowly_towards_a_wall_clock_ahead() {
        let clock = Clock::detached(10_000);
        clock.slew(13_000);
        assert_eq!((clock.now(), clock.skew_ms()), (10_005, 2_995));
        for _ in 0..600 {
            clock.slew(13_000);
        }
        assert_eq!((clock.now(), clock.skew_ms()), (13_000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_behind_never_sets_the_time_back() {
        let clock = Clock::detached(10_000);
        assert_eq!(clock.now(), 10_000);
        clock.slew(9_000);
        assert_eq!((clock.now(), clock.skew_ms()), (10_000, 995));
        tokio::time::advance(Duration::from_millis(4)).await;
        assert_eq!(clock.now(), 10_000);
        tokio::time::advance(Duration::from_millis(4)).await;
        assert_eq!(clock.now(), 10_003);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_behind_its_log_continues_from_the_log_and_reports_skew() {
        let clock = Clock::detached(10_000);
        clock.advance_to(9_000);
        assert_eq!((clock.now(), clock.skew_ms()), (10_000, 0));
        clock.advance_to(3_610_000);
        assert_eq!((clock.now(), clock.skew_ms()), (3_610_000, 3_600_000));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.now(), 3_670_000);
    }

    #[test]
    fn the_system_clock_agrees_with_the_wall_clock() {
        let clock = Clock::system();
        clock.discipline();
        assert!(clock.skew_ms() < 1_000);
        assert!(clock.now().abs_diff(wall_ms()) < 1_000);
        assert!(stopwatch().elapsed_secs() < 60.0);
    }
}
