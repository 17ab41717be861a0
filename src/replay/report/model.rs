//! The result of a run: the data of all report formats.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::replay::measurements::{Interval, Latencies, Measurements, MessageStats, Totals};
use crate::replay::mismatches::Difference;

/// The report of a run. Times are in microseconds unless stated otherwise.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The program and its version.
    pub program: String,
    /// When the run began, in milliseconds since 1970.
    pub started_ms: u64,
    /// Duration of the run in seconds.
    pub seconds: f64,
    /// URL of the gateway.
    pub to: String,
    /// The scripts and their clients.
    pub scripts: Vec<Played>,
    /// Requested rounds per second; absent in a closed loop.
    pub rate: Option<f64>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Measurements by MESSAGE_TYPE of the sent message.
    pub messages: Vec<MessageReport>,
    /// Pushed messages.
    pub pushes: Pushes,
    /// Connections.
    pub connections: ConnectionReport,
    /// Rounds.
    pub rounds: Rounds,
    /// Comparison with the scripts; absent without `--verify`.
    pub verification: Option<Verification>,
    /// Thresholds (`--fail-if`) and their results.
    pub thresholds: Vec<ThresholdResult>,
    /// Measurements of each second.
    pub series: Vec<Point>,
}

/// A script and its clients.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Played {
    /// Path of the script.
    pub script: String,
    /// Number of clients that played it.
    pub clients: usize,
}

/// Measurements of one MESSAGE_TYPE.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MessageReport {
    /// The MESSAGE_TYPE that was sent.
    pub message_type: String,
    /// Messages sent.
    pub sent: u64,
    /// Replies, including refusals.
    pub replies: u64,
    /// Refusals (NACK) by code.
    pub refused: Vec<NamedCount>,
    /// Messages without a reply before the timeout or the end of the connection.
    pub unanswered: u64,
    /// Time from the scheduled send to the reply, which includes delays before the actual send. The
    /// same as `service` in a closed loop.
    pub latency: LatencySummary,
    /// Time from the actual send to the reply.
    pub service: LatencySummary,
}

/// A name and its count.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NamedCount {
    /// The name.
    pub name: String,
    /// The count.
    pub count: u64,
}

/// Pushed messages: received frames that are not replies.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pushes {
    /// Number of pushed messages.
    pub count: u64,
    /// Their number by MESSAGE_TYPE.
    pub kinds: Vec<NamedCount>,
    /// Time from the last message marked as a cause (`>!`) to the first push on each connection.
    pub lag: LatencySummary,
}

/// Connections.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionReport {
    /// Connections opened.
    pub opened: u64,
    /// Connections that could not be opened.
    pub failed: u64,
    /// Connections that ended before the end of their script.
    pub lost: u64,
    /// Time to open a connection.
    pub opening: LatencySummary,
}

/// Rounds: repetitions of the scripts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Rounds {
    /// Rounds started.
    pub begun: u64,
    /// Rounds not completed, and failures of the steps before or after the rounds.
    pub broken: u64,
    /// Rounds that were scheduled by the rate, but not started before the end.
    pub missed: u64,
}

/// The comparison with the scripts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Frames compared.
    pub compared: u64,
    /// Number of differences.
    pub different: u64,
    /// The differences; at most 1,000 are listed.
    pub differences: Vec<Difference>,
}

/// Summary of measured times, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencySummary {
    /// Number of measurements.
    pub count: u64,
    /// Minimum.
    pub min: u64,
    /// Mean.
    pub mean: f64,
    /// 50th percentile (median).
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Maximum.
    pub max: u64,
}

/// Measurements of about one second.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// End of the interval, in seconds since the start of the run.
    pub at: f64,
    /// Length of the interval, in seconds.
    pub seconds: f64,
    /// Messages sent.
    pub sent: u64,
    /// Replies.
    pub replies: u64,
    /// Refusals, missing replies, and failed or lost connections.
    pub errors: u64,
    /// Pushed messages.
    pub pushes: u64,
    /// Latencies of the replies.
    pub latency: LatencySummary,
    /// Lags of the pushed messages.
    pub lag: LatencySummary,
}

/// The parts of a report that are not measured.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// When the run began, in milliseconds since 1970.
    pub started_ms: u64,
    /// URL of the gateway.
    pub to: String,
    /// The scripts and their clients.
    pub scripts: Vec<Played>,
    /// Requested rounds per second; `None` in a closed loop.
    pub rate: Option<f64>,
    /// Whether frames were compared.
    pub verify: bool,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// A report with its histograms, for formats that show more than percentiles.
pub struct Results {
    /// The report.
    pub report: Report,
    /// By MESSAGE_TYPE: times from the scheduled send, and times from the actual send.
    pub histograms: Vec<(String, Latencies, Latencies)>,
    /// Lags of pushed messages.
    pub lag: Latencies,
}

impl Results {
    /// Creates the results of a run from its measurements.
    pub fn new(measurements: &Measurements, run_info: RunInfo, series: Vec<Point>) -> Self {
        let Totals { kinds, pushes, lag, opening, counts } = measurements.totals();
        let verification = run_info.verify.then(|| {
            let differences = measurements.differences.lock();
            let (different, listed) = (differences.total, differences.list());
            Verification { compared: counts.compared, different, differences: listed }
        });
        let report = Report {
            program: format!("tollgate {}", env!("CARGO_PKG_VERSION")),
            started_ms: run_info.started_ms,
            seconds: measurements.now().as_secs_f64(),
            to: run_info.to,
            scripts: run_info.scripts,
            rate: run_info.rate,
            interrupted: run_info.interrupted,
            messages: kinds.iter().map(|(name, kind)| MessageReport::new(name, kind)).collect(),
            pushes: Pushes {
                count: pushes.values().sum(),
                kinds: NamedCount::list(&pushes),
                lag: LatencySummary::from_histogram(&lag),
            },
            connections: ConnectionReport {
                opened: counts.opened,
                failed: counts.unopened,
                lost: counts.lost,
                opening: LatencySummary::from_histogram(&opening),
            },
            rounds: Rounds { begun: counts.rounds, broken: counts.broken, missed: counts.missed },
            verification,
            thresholds: Vec::new(),
            series,
        };
        let histograms = kinds.into_iter();
        let histograms = histograms.map(|(name, it)| (name.to_string(), it.corrected, it.service));
        Self { report, histograms: histograms.collect(), lag }
    }
}

impl Report {
    /// Whether a compared frame differed.
    pub fn differs(&self) -> bool {
        self.verification.as_ref().is_some_and(|it| it.different > 0)
    }

    /// Returns the number of refusals, missing replies, and failed or lost connections.
    pub fn errors(&self) -> u64 {
        let messages = self.messages.iter().map(MessageReport::errors).sum::<u64>();
        messages + self.connections.failed + self.connections.lost
    }
}

impl NamedCount {
    fn list(counts: &BTreeMap<Box<str>, u64>) -> Vec<Self> {
        let one =
            |(name, count): (_, &u64)| Self { name: String::from(Box::clone(name)), count: *count };
        counts.iter().map(one).collect()
    }
}

impl MessageReport {
    fn new(name: &str, kind: &MessageStats) -> Self {
        Self {
            message_type: name.to_owned(),
            sent: kind.sent,
            replies: kind.replies,
            refused: NamedCount::list(&kind.refused),
            unanswered: kind.unanswered,
            latency: LatencySummary::from_histogram(&kind.corrected),
            service: LatencySummary::from_histogram(&kind.service),
        }
    }

    /// Returns the number of refusals and missing replies.
    pub fn errors(&self) -> u64 {
        self.refused.iter().map(|it| it.count).sum::<u64>() + self.unanswered
    }
}

impl LatencySummary {
    /// Summarises a histogram; all zero if it is empty.
    pub fn from_histogram(histogram: &Latencies) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            count: histogram.len(),
            min: histogram.min(),
            mean: histogram.mean(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max(),
        }
    }
}

impl Point {
    /// Converts a count in this interval to a number per second.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.seconds.max(1e-9)
    }

    /// Takes the measurements since `last`, the end of the previous interval.
    pub fn measure(measurements: &Measurements, last: Duration) -> Self {
        let now = measurements.now();
        let Interval { sent, replies, errors, pushes, latency, lag } = measurements.take_interval();
        let (at, seconds) = (now.as_secs_f64(), now.saturating_sub(last).as_secs_f64());
        let (latency, lag) =
            (LatencySummary::from_histogram(&latency), LatencySummary::from_histogram(&lag));
        Self { at, seconds, sent, replies, errors, pushes, latency, lag }
    }
}

/// A threshold and its result.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdResult {
    /// The threshold as given.
    pub fail_if: String,
    /// The measured value: microseconds, a count, a number per second, or a fraction.
    pub measured: f64,
    /// Unit of the measured value: "us", "/s", "of 1" (fraction), or empty for a count.
    pub unit: String,
    /// Whether the threshold was crossed, so that the run failed.
    pub crossed: bool,
}
