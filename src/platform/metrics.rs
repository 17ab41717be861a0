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
    metric("tollgate_connections", MetricKind::Gauge, &[], "open connections"),
    metric("tollgate_sessions", MetricKind::Gauge, &[], "live sessions on this node"),
    metric(
        MESSAGE_DURATION,
        MetricKind::Seconds,
        &["message_type"],
        "time to serve one message, by type",
    ),
    metric(
        "tollgate_messages_refused_total",
        MetricKind::Counter,
        &["message_type", "code"],
        "refused messages, by type and code",
    ),
    metric(
        "tollgate_push_lag_seconds",
        MetricKind::Seconds,
        &[],
        "time from a command to its push",
    ),
    metric(
        "tollgate_commit_duration_seconds",
        MetricKind::Seconds,
        &[],
        "time from a command to its outcome",
    ),
    metric(
        "tollgate_password_hash_queue_length",
        MetricKind::Gauge,
        &[],
        "passwords waiting to be hashed",
    ),
    metric(
        "tollgate_password_hash_wait_seconds",
        MetricKind::Seconds,
        &[],
        "time a password waits for a hash thread",
    ),
    metric(
        "tollgate_password_hash_duration_seconds",
        MetricKind::Seconds,
        &[],
        "time of one password hash",
    ),
    metric(
        "tollgate_connections_closed_total",
        MetricKind::Counter,
        &["reason"],
        "connections closed by the gateway, by reason",
    ),
    metric(
        "tollgate_connections_rejected_total",
        MetricKind::Counter,
        &[],
        "connections rejected because a limit was reached",
    ),
    metric("tollgate_mail_queue_length", MetricKind::Gauge, &[], "mails waiting to be sent"),
    metric(
        "tollgate_mail_deliveries_total",
        MetricKind::Counter,
        &["result"],
        "attempts to send a mail, by result",
    ),
    metric(
        "tollgate_ldap_request_duration_seconds",
        MetricKind::Seconds,
        &["result"],
        "time of one request to a directory server, by result",
    ),
    metric(
        "tollgate_config_reloads_total",
        MetricKind::Counter,
        &["result"],
        "reloads of the configuration, by result",
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

const MESSAGE_DURATION: &str = "tollgate_message_duration_seconds";

/// Counts a refused message; `None` if its type is unknown.
pub fn record_refused(message_type: Option<&'static str>, code: NackCode) {
    let name = message_type.unwrap_or("?");
    counter!("tollgate_messages_refused_total", "message_type" => name, "code" => code.code())
        .increment(1);
}

/// Counts a reload of the configuration; the result is "done" or "refused".
pub fn record_reloaded(result: &'static str) {
    counter!("tollgate_config_reloads_total", "result" => result).increment(1);
}

/// Counts a connection that was rejected because a limit was reached.
pub fn record_rejected() {
    counter!("tollgate_connections_rejected_total").increment(1);
}

/// Counts a connection that the gateway closed.
pub fn record_closed(reason: &'static str) {
    counter!("tollgate_connections_closed_total", "reason" => reason).increment(1);
}
