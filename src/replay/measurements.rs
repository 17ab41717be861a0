//! Measurements of a run: shards that clients write to, and their sum.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::mismatches::Differences;
use crate::platform::{Stopwatch, stopwatch};

/// Number of shards; all clients share them.
const SHARDS: usize = 8;
/// Longest latency of a histogram, in microseconds (ten minutes); a longer latency is counted as
/// this latency.
const LATENCY_MAX_US: u64 = 600_000_000;
/// Maximum number of MESSAGE_TYPEs that are counted separately in one shard.
const TYPES_MAX: usize = 200;
/// The name under which all other MESSAGE_TYPEs are counted.
const OTHERS: &str = "(others)";

/// A histogram of latencies in microseconds, with three significant digits.
pub type Latencies = Histogram<u64>;

/// Returns an empty histogram.
#[expect(clippy::expect_used, reason = "the bounds are valid constants")]
pub fn latencies() -> Latencies {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are valid")
}

fn record(histogram: &mut Latencies, latency: Duration) {
    let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    histogram.saturating_record(us.max(1));
}

/// The measurements of one run.
pub struct Measurements {
    watch: Stopwatch,
    shards: Vec<Mutex<Shard>>,
    /// When the last cause was sent, in nanoseconds since the start of the run. A cause is a
    /// message that the script marks with `>!`.
    cause: AtomicU64,
    /// Differences from the scripts.
    pub(super) differences: Mutex<Differences>,
}

/// Counts and latencies of one MESSAGE_TYPE.
#[derive(Clone)]
pub(super) struct MessageStats {
    pub sent: u64,
    pub replies: u64,
    /// Refusals by code.
    pub refused: BTreeMap<Box<str>, u64>,
    /// Messages without a reply before the timeout or the end of the connection.
    pub unanswered: u64,
    /// Time from the actual send to the reply.
    pub service: Latencies,
    /// Time from the scheduled send to the reply.
    pub corrected: Latencies,
}

/// Counts that do not belong to a MESSAGE_TYPE.
#[derive(Clone, Default)]
pub(super) struct RunCounts {
    pub opened: u64,
    pub unopened: u64,
    pub lost: u64,
    pub rounds: u64,
    pub broken: u64,
    /// Rounds that were scheduled but not started before the end.
    pub missed: u64,
    /// Frames compared with a script.
    pub compared: u64,
}

/// Counts and latencies since the end of the previous interval.
#[derive(Clone)]
pub(super) struct Interval {
    pub sent: u64,
    pub replies: u64,
    pub errors: u64,
    pub pushes: u64,
    pub latency: Latencies,
    pub lag: Latencies,
}

struct Shard {
    kinds: BTreeMap<Box<str>, MessageStats>,
    pushes: BTreeMap<Box<str>, u64>,
    lag: Latencies,
    opening: Latencies,
    counts: RunCounts,
    interval: Interval,
}

/// The sum of all shards.
pub(super) struct Totals {
    pub kinds: BTreeMap<Box<str>, MessageStats>,
    pub pushes: BTreeMap<Box<str>, u64>,
    pub lag: Latencies,
    pub opening: Latencies,
    pub counts: RunCounts,
}

impl Default for MessageStats {
    fn default() -> Self {
        let (service, corrected) = (latencies(), latencies());
        Self { sent: 0, replies: 0, refused: BTreeMap::new(), unanswered: 0, service, corrected }
    }
}

impl Default for Interval {
    fn default() -> Self {
        let (latency, lag) = (latencies(), latencies());
        Self { sent: 0, replies: 0, errors: 0, pushes: 0, latency, lag }
    }
}

impl Default for Shard {
    fn default() -> Self {
        let (kinds, pushes, counts) = (BTreeMap::new(), BTreeMap::new(), RunCounts::default());
        let interval = Interval::default();
        Self { kinds, pushes, lag: latencies(), opening: latencies(), counts, interval }
    }
}

impl Default for Measurements {
    fn default() -> Self {
        Self {
            watch: stopwatch(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            cause: AtomicU64::new(0),
            differences: Mutex::default(),
        }
    }
}

impl Measurements {
    /// Returns the time since the start of the run.
    pub fn now(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Returns the counts since the last call, and resets them.
    pub(super) fn take_interval(&self) -> Interval {
        let mut totals = Interval::default();
        for shard in &self.shards {
            let interval = std::mem::take(&mut shard.lock().interval);
            totals.sent += interval.sent;
            totals.replies += interval.replies;
            totals.errors += interval.errors;
            totals.pushes += interval.pushes;
            merge(&mut totals.latency, &interval.latency);
            merge(&mut totals.lag, &interval.lag);
        }
        totals
    }

    /// Returns the sum of all shards.
    pub(super) fn totals(&self) -> Totals {
        let mut all = Shard::default();
        for shard in &self.shards {
            let shard = shard.lock();
            for (name, kind) in &shard.kinds {
                let totals = all.kinds.entry(name.clone()).or_default();
                totals.sent += kind.sent;
                totals.replies += kind.replies;
                totals.unanswered += kind.unanswered;
                merge(&mut totals.service, &kind.service);
                merge(&mut totals.corrected, &kind.corrected);
                add(&mut totals.refused, &kind.refused);
            }
            add(&mut all.pushes, &shard.pushes);
            merge(&mut all.lag, &shard.lag);
            merge(&mut all.opening, &shard.opening);
            let (totals, counts) = (&mut all.counts, &shard.counts);
            totals.opened += counts.opened;
            totals.unopened += counts.unopened;
            totals.lost += counts.lost;
            totals.rounds += counts.rounds;
            totals.broken += counts.broken;
            totals.missed += counts.missed;
            totals.compared += counts.compared;
        }
        let Shard { kinds, pushes, lag, opening, counts, .. } = all;
        Totals { kinds, pushes, lag, opening, counts }
    }
}

fn merge(totals: &mut Latencies, part: &Latencies) {
    // All histograms have the same bounds, so adding cannot fail.
    let _ = totals.add(part);
}

fn add(totals: &mut BTreeMap<Box<str>, u64>, part: &BTreeMap<Box<str>, u64>) {
    for (name, count) in part {
        *totals.entry(name.clone()).or_default() += count;
    }
}

/// The recorder of one client, which writes to the client's shard.
#[derive(Clone)]
pub(super) struct Recorder {
    pub measurements: Arc<Measurements>,
    pub client: usize,
}

/// A reply to a message.
pub(super) struct Answered<'a> {
    /// The MESSAGE_TYPE of the sent message.
    pub message_type: &'a str,
    /// When the message was sent, since the start of the run.
    pub at: Duration,
    /// How late the round of the message began.
    pub late: Duration,
    /// The code of a refusal.
    pub refused: Option<&'a str>,
}

impl Recorder {
    fn shard(&self) -> parking_lot::MutexGuard<'_, Shard> {
        self.measurements.shards[self.client % SHARDS].lock()
    }

    /// Records a sent message.
    pub fn sent(&self, message_type: &str) {
        let mut shard = self.shard();
        shard.interval.sent += 1;
        shard.kind(message_type).sent += 1;
    }

    /// Records a reply.
    pub fn answered(&self, answered: &Answered<'_>) {
        let service = self.measurements.now().saturating_sub(answered.at);
        let mut shard = self.shard();
        shard.interval.replies += 1;
        shard.interval.errors += u64::from(answered.refused.is_some());
        record(&mut shard.interval.latency, service + answered.late);
        let kind = shard.kind(answered.message_type);
        kind.replies += 1;
        record(&mut kind.service, service);
        record(&mut kind.corrected, service + answered.late);
        if let Some(code) = answered.refused {
            *kind.refused.entry(code.into()).or_default() += 1;
        }
    }

    /// Records messages whose replies are not expected any more.
    pub fn unanswered(&self, message_types: &[Box<str>]) {
        let mut shard = self.shard();
        for message_type in message_types {
            shard.interval.errors += 1;
            shard.kind(message_type).unanswered += 1;
        }
    }

    /// Records that a cause (`>!`) is being sent.
    pub fn caused(&self) {
        let now = u64::try_from(self.measurements.now().as_nanos()).unwrap_or(u64::MAX);
        self.measurements.cause.store(now, Ordering::Release);
    }

    /// Records a pushed message. `seen` is the time of the last cause that had a push on this
    /// connection. The lag is recorded only for the first push after a newer cause. Returns the new
    /// `seen`.
    pub fn pushed(&self, message_type: &str, seen: Duration) -> Duration {
        let cause = Duration::from_nanos(self.measurements.cause.load(Ordering::Acquire));
        let lag = self.measurements.now().saturating_sub(cause);
        let mut shard = self.shard();
        shard.interval.pushes += 1;
        if cause > seen {
            record(&mut shard.lag, lag);
            record(&mut shard.interval.lag, lag);
        }
        let is_listed = shard.pushes.len() < TYPES_MAX || shard.pushes.contains_key(message_type);
        let name = if is_listed { message_type } else { OTHERS };
        *shard.pushes.entry(name.into()).or_default() += 1;
        cause.max(seen)
    }

    /// Records a connection that took this time to open.
    pub fn opened(&self, after: Duration) {
        let mut shard = self.shard();
        shard.counts.opened += 1;
        record(&mut shard.opening, after);
    }

    /// Changes the counts of the run.
    pub fn count(&self, what: impl FnOnce(&mut RunCounts)) {
        what(&mut self.shard().counts);
    }

    /// Counts a connection that could not be opened or was lost.
    pub fn failed(&self, what: impl FnOnce(&mut RunCounts)) {
        let mut shard = self.shard();
        shard.interval.errors += 1;
        what(&mut shard.counts);
    }
}

impl Shard {
    fn kind(&mut self, message_type: &str) -> &mut MessageStats {
        let exists = self.kinds.contains_key(message_type);
        let name = if exists || self.kinds.len() < TYPES_MAX { message_type } else { OTHERS };
        self.kinds.entry(name.into()).or_default()
    }
}
