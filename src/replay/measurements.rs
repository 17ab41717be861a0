//! What is counted while scripts are played: shards that clients write to, and their sum.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::mismatches::Differences;
use crate::platform::{Stopwatch, stopwatch};
/// Clients share this many shards.
const SHARDS: usize = 8;
/// The longest latency that is told apart, in microseconds: ten minutes.
const LATENCY_MAX_US: u64 = 600_000_000;
/// MESSAGE_TYPEs that are counted apart.
const TYPES_MAX: usize = 200;
/// What all others are counted under.
const OTHERS: &str = "(others)";

/// Latencies in microseconds, to three digits.
pub type Latencies = Histogram<u64>;

/// An empty histogram.
#[expect(clippy::expect_used, reason = "these bounds make a histogram")]
pub fn latencies() -> Latencies {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("bounds that fit")
}

fn record(histogram: &mut Latencies, latency: Duration) {
    let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    histogram.saturating_record(us.max(1));
}

/// All that is counted in one run.
pub struct Measurements {
    watch: Stopwatch,
    shards: Vec<Mutex<Shard>>,
    /// When the last message that pushes follow was sent, in nanoseconds of the run.
    cause: AtomicU64,
    /// What differed from the scripts.
    pub(super) differences: Mutex<Differences>,
}

/// One kind of message.
#[derive(Clone)]
pub(super) struct MessageStats {
    pub sent: u64,
    pub replies: u64,
    /// Refusals by their code.
    pub refused: BTreeMap<Box<str>, u64>,
    /// Answers that did not come in time, or not before the connection ended.
    pub unanswered: u64,
    /// From the sending to the answer.
    pub service: Latencies,
    /// From when it should have been sent.
    pub corrected: Latencies,
}

/// What is counted once a run.
#[derive(Clone, Default)]
pub(super) struct RunCounts {
    pub opened: u64,
    pub unopened: u64,
    pub lost: u64,
    pub rounds: u64,
    pub broken: u64,
    /// Rounds that should have begun and did not before the end.
    pub missed: u64,
    /// Frames that were compared with a script.
    pub compared: u64,
}

/// What happened since it was looked at last.
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
    /// Since the run began.
    pub fn now(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Takes what happened since this was asked last.
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

    /// Everything so far.
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
    // All have the same bounds, so that this cannot fail.
    let _ = totals.add(part);
}

fn add(totals: &mut BTreeMap<Box<str>, u64>, part: &BTreeMap<Box<str>, u64>) {
    for (name, count) in part {
        *totals.entry(name.clone()).or_default() += count;
    }
}

/// Writes into the shard of one client.
#[derive(Clone)]
pub(super) struct Recorder {
    pub measurements: Arc<Measurements>,
    pub client: usize,
}

/// An answer.
pub(super) struct Answered<'a> {
    pub message_type: &'a str,
    pub at: Duration,
    pub late: Duration,
    pub refused: Option<&'a str>,
}

impl Recorder {
    fn shard(&self) -> parking_lot::MutexGuard<'_, Shard> {
        self.measurements.shards[self.client % SHARDS].lock()
    }

    /// A message is sent.
    pub fn sent(&self, message_type: &str) {
        let mut shard = self.shard();
        shard.interval.sent += 1;
        shard.kind(message_type).sent += 1;
    }

    /// Its answer came.
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

    /// Answers will not come any more.
    pub fn unanswered(&self, message_types: &[Box<str>]) {
        let mut shard = self.shard();
        for message_type in message_types {
            shard.interval.errors += 1;
            shard.kind(message_type).unanswered += 1;
        }
    }

    /// A message is sent that pushes follow.
    pub fn caused(&self) {
        let now = u64::try_from(self.measurements.now().as_nanos()).unwrap_or(u64::MAX);
        self.measurements.cause.store(now, Ordering::Release);
    }

    /// A frame came that nobody asked for. Its lag counts if it is the first after a cause on a
    /// connection that saw the effect of `seen` last; gives the cause seen now.
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

    /// A connection was opened in this time.
    pub fn opened(&self, after: Duration) {
        let mut shard = self.shard();
        shard.counts.opened += 1;
        record(&mut shard.opening, after);
    }

    /// Changes what is counted once a run.
    pub fn count(&self, what: impl FnOnce(&mut RunCounts)) {
        what(&mut self.shard().counts);
    }

    /// A connection could not be opened, or ended before it should.
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
