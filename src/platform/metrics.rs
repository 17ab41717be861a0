//! What is counted: names and units of all metrics, in one place.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use protocol::NackCode;

use super::histogram::Histogram;
/// How a metric is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// How often something happened since the start.
    Counter,
    /// How much of something there is.
    Gauge,
    /// How long something took, in seconds.
    Seconds,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it is read.
    pub kind: MetricKind,
    /// What it tells apart.
    pub labels: &'static [&'static str],
    /// What it is.
    pub text: &'static str,
}

const fn metric(
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    text: &'static str,
) -> Metric {
    Metric { name, kind, labels, text }
}

/// Every metric there is.
pub static METRICS: [Metric; 15] = [
    metric("tollgate_connections", MetricKind::Gauge, &[], "open sockets"),
    metric("tollgate_sessions", MetricKind::Gauge, &[], "sessions that this node knows"),
    metric(
        MESSAGE_DURATION,
        MetricKind::Seconds,
        &["message_type"],
        "serving one message, by type",
    ),
    metric(
        "tollgate_refused_total",
        MetricKind::Counter,
        &["message_type", "code"],
        "refusals, by message type and code",
    ),
    metric("tollgate_push_lag_seconds", MetricKind::Seconds, &[], "from a command to its push"),
    metric("tollgate_commit_seconds", MetricKind::Seconds, &[], "from a command to its outcome"),
    metric("tollgate_hash_queue_jobs", MetricKind::Gauge, &[], "passwords that wait to be hashed"),
    metric("tollgate_hash_wait_seconds", MetricKind::Seconds, &[], "waiting for a hash thread"),
    metric("tollgate_hash_seconds", MetricKind::Seconds, &[], "one password hash"),
    metric(
        "tollgate_closed_total",
        MetricKind::Counter,
        &["reason"],
        "connections closed by the gateway, by reason",
    ),
    metric(
        "tollgate_turned_away_total",
        MetricKind::Counter,
        &[],
        "connections that found no place",
    ),
    metric("tollgate_mails_waiting", MetricKind::Gauge, &[], "mails that wait to be sent"),
    metric(
        "tollgate_mails_total",
        MetricKind::Counter,
        &["result"],
        "tries to send a mail, by result",
    ),
    metric(
        "tollgate_directory_seconds",
        MetricKind::Seconds,
        &["result"],
        "asking one server of a directory, by result",
    ),
    metric(
        "tollgate_reloads_total",
        MetricKind::Counter,
        &["result"],
        "readings of the configuration, by result",
    ),
];

/// Describes every metric; once, after the recorder is in place.
pub fn describe() {
    for metric in &METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.text),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.text),
            MetricKind::Seconds => describe_histogram!(metric.name, Unit::Seconds, metric.text),
        }
    }
}

/// Writes the histograms of all message types, which the recorder does not have.
pub fn write_histograms<'a>(
    out: &mut String,
    histograms: impl Iterator<Item = (&'a str, &'a Histogram)>,
) {
    let Some(metric) = METRICS.iter().find(|metric| metric.name == MESSAGE_DURATION) else {
        return;
    };
    out.push_str(&format!(
        "# HELP {MESSAGE_DURATION} {}\n# TYPE {MESSAGE_DURATION} histogram\n",
        metric.text
    ));
    for (message_type, histogram) in histograms {
        histogram.write(out, MESSAGE_DURATION, "message_type", message_type);
    }
}

const MESSAGE_DURATION: &str = "tollgate_message_seconds";

/// A message was refused; `None`: its type is unknown.
pub fn record_refused(message_type: Option<&'static str>, code: NackCode) {
    let name = message_type.unwrap_or("?");
    counter!("tollgate_refused_total", "message_type" => name, "code" => code.code()).increment(1);
}

/// The configuration was read again: "done" or "refused".
pub fn record_reloaded(result: &'static str) {
    counter!("tollgate_reloads_total", "result" => result).increment(1);
}

/// A connection found no place.
pub fn record_rejected() {
    counter!("tollgate_turned_away_total").increment(1);
}

/// A connection was closed by the gateway.
pub fn record_closed(reason: &'static str) {
    counter!("tollgate_closed_total", "reason" => reason).increment(1);
}
