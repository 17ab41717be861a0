//! What a run came to: one value that all forms of the report are made from.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::replay::measurements::{Interval, Latencies, Measurements, MessageStats, Totals};
use crate::replay::mismatches::Difference;
/// A run. Times are whole microseconds unless they say otherwise.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The program and its version.
    pub program: String,
    /// When the run began, in milliseconds since 1970.
    pub started_ms: u64,
    /// How long it took.
    pub seconds: f64,
    /// The gateway.
    pub to: String,
    /// The scripts, and how many clients played each.
    pub scripts: Vec<Played>,
    /// Rounds a second that were asked for; none: a closed loop, as fast as answers came.
    pub rate: Option<f64>,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// By MESSAGE_TYPE of what was sent.
    pub messages: Vec<MessageReport>,
    /// Frames that nobody asked for.
    pub pushes: Pushes,
    /// Connections.
    pub connections: ConnectionReport,
    /// Rounds: how often the scripts were played.
    pub rounds: Rounds,
    /// What differed from the scripts; none: it was not looked for.
    pub verification: Option<Verification>,
    /// Limits (`--fail-if`), and whether they were crossed.
    pub thresholds: Vec<ThresholdResult>,
    /// Second by second.
    pub series: Vec<Point>,
}

/// A script and its clients.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Played {
    /// The file.
    pub script: String,
    /// How many clients played it.
    pub clients: usize,
}

/// One MESSAGE_TYPE.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MessageReport {
    /// The MESSAGE_TYPE that was sent.
    pub message_type: String,
    /// How many were sent.
    pub sent: u64,
    /// How many were answered, refusals among them.
    pub replies: u64,
    /// Refusals by their code.
    pub refused: Vec<NamedCount>,
    /// No answer came in time, or none before the end of the connection.
    pub unanswered: u64,
    /// From when it should have been sent to its answer: what users feel. In a closed loop nothing
    /// is late, and it is the same as `service`.
    pub latency: LatencySummary,
    /// From when it was sent to its answer.
    pub service: LatencySummary,
}

/// How many of what.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NamedCount {
    /// What.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// Frames that nobody asked for.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pushes {
    /// All of them.
    pub count: u64,
    /// By their MESSAGE_TYPE.
    pub kinds: Vec<NamedCount>,
    /// From the last message that is marked as a cause (`>!`) to the first push on each connection.
    pub lag: LatencySummary,
}

/// Connections.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionReport {
    /// Opened.
    pub opened: u64,
    /// Could not be opened.
    pub failed: u64,
    /// Ended before their script did.
    pub lost: u64,
    /// How long opening one took.
    pub opening: LatencySummary,
}

/// How often the scripts were played.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Rounds {
    /// Begun.
    pub begun: u64,
    /// Not played to their end.
    pub broken: u64,
    /// Should have begun, by the rate, and did not before the end.
    pub missed: u64,
}

/// The comparison with the scripts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Verification {
    /// Frames that were compared.
    pub compared: u64,
    /// All that differed.
    pub different: u64,
    /// Where, and what.
    pub differences: Vec<Difference>,
}

/// Times, from the smallest to the largest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatencySummary {
    /// How many were measured.
    pub count: u64,
    /// The smallest.
    pub min: u64,
    /// Their mean.
    pub mean: f64,
    /// Half are not above.
    pub p50: u64,
    /// 90 of 100 are not above.
    pub p90: u64,
    /// 99 of 100 are not above.
    pub p99: u64,
    /// 999 of 1,000 are not above.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

/// One second.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Its end, in seconds of the run.
    pub at: f64,
    /// Its length, in seconds.
    pub seconds: f64,
    /// Messages sent.
    pub sent: u64,
    /// Answers.
    pub replies: u64,
    /// Refusals, missing answers, lost connections.
    pub errors: u64,
    /// Frames that nobody asked for.
    pub pushes: u64,
    /// Latencies of its answers.
    pub latency: LatencySummary,
    /// Lags of its pushes.
    pub lag: LatencySummary,
}

/// What the report cannot know from the counts.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// When the run began, in milliseconds since 1970.
    pub started_ms: u64,
    /// The gateway.
    pub to: String,
    /// The scripts, and how many clients played each.
    pub scripts: Vec<Played>,
    /// Rounds a second that were asked for.
    pub rate: Option<f64>,
    /// Whether frames were compared.
    pub verify: bool,
    /// Whether it was ended before its time.
    pub interrupted: bool,
}

/// A run with its histograms, for the forms of the report that show more than percentiles.
pub struct Results {
    /// The report.
    pub report: Report,
    /// By MESSAGE_TYPE: latencies, and those from the moment of sending.
    pub histograms: Vec<(String, Latencies, Latencies)>,
    /// Lags of pushes.
    pub lag: Latencies,
}

impl Results {
    /// Takes what was counted.
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
    /// Whether anything was compared and differed.
    pub fn differs(&self) -> bool {
        self.verification.as_ref().is_some_and(|it| it.different > 0)
    }

    /// Refusals, missing answers, and connections that failed or were lost.
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

    /// Refusals and missing answers.
    pub fn errors(&self) -> u64 {
        self.refused.iter().map(|it| it.count).sum::<u64>() + self.unanswered
    }
}

impl LatencySummary {
    /// Of a histogram.
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
    /// So many in it, as a number a second.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.seconds.max(1e-9)
    }

    /// The next second: takes what happened since the last.
    pub fn measure(measurements: &Measurements, last: Duration) -> Self {
        let now = measurements.now();
        let Interval { sent, replies, errors, pushes, latency, lag } = measurements.take_interval();
        let (at, seconds) = (now.as_secs_f64(), now.saturating_sub(last).as_secs_f64());
        let (latency, lag) =
            (LatencySummary::from_histogram(&latency), LatencySummary::from_histogram(&lag));
        Self { at, seconds, sent, replies, errors, pushes, latency, lag }
    }
}

/// A limit and what was measured.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ThresholdResult {
    /// As it was written.
    pub fail_if: String,
    /// What was measured: microseconds, a count, a number a second, or a share of 1.
    pub measured: f64,
    /// Its unit: us, /s, of 1, or none.
    pub unit: String,
    /// Whether the run fails by it.
    pub crossed: bool,
}
