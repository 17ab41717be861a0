//! Names, types, labels and descriptions of all metrics.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use protocol::NackCode;

use super::histogram::Histogram;

/// Type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Number of events since the start.
    Counter,
    /// Current number or amount.
    Gauge,
    /// Histogram of durations in seconds.
    Seconds,
}

/// Definition of one metric.
#[derive(Debug)]
pub struct Metric {
    /// Name in Prometheus.
    pub name: &'static str,
    /// Type.
    pub kind: MetricKind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// Description (HELP in Prometheus).
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

/// All metrics.
pub static METRICS: [Metric; 19] = [
    metric("tollgate_connections", MetricKind::Gauge, &[], "open WebSocket connections"),
    metric("tollgate_sessions", MetricKind::Gauge, &[], "live sessions on this gateway"),
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
        "time from a command to the push of its changes",
    ),
    metric(
        "tollgate_commit_duration_seconds",
        MetricKind::Seconds,
        &[],
        "time from the submission of a command to its outcome",
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
        "time to compute one password hash",
    ),
    metric(
        "tollgate_connections_closed_total",
        MetricKind::Counter,
        &["reason"],
        "closed WebSocket connections, by reason",
    ),
    metric(
        "tollgate_connections_rejected_total",
        MetricKind::Counter,
        &[],
        "connections rejected because a limit was reached",
    ),
    metric(
        "tollgate_http_requests_refused_total",
        MetricKind::Counter,
        &["reason"],
        "HTTP requests refused by their Host or Origin, by reason",
    ),
    metric(
        "tollgate_unauthenticated_bytes",
        MetricKind::Gauge,
        &[],
        "bytes held by connections and requests without a session",
    ),
    metric(
        "tollgate_unauthenticated_closed_total",
        MetricKind::Counter,
        &[],
        "connections without a session closed because all such connections held too many bytes",
    ),
    metric(
        "tollgate_refusal_lines_omitted_total",
        MetricKind::Counter,
        &[],
        "log lines of refusals that were only counted",
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

/// Registers the descriptions of all metrics. Call once, after the metrics recorder is installed.
pub fn describe() {
    for metric in &METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.text),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.text),
            MetricKind::Seconds => describe_histogram!(metric.name, Unit::Seconds, metric.text),
        }
    }
}

/// Appends the metric of message durations, whose histograms are not part of the recorder.
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

/// Counts a refused message; `message_type` is `None` if the type is unknown.
pub fn record_refused(message_type: Option<&'static str>, code: NackCode) {
    let name = message_type.unwrap_or("?");
    counter!("tollgate_messages_refused_total", "message_type" => name, "code" => code.code())
        .increment(1);
}

/// Counts a reload of the configuration; `result` is "done" or "refused".
pub fn record_reloaded(result: &'static str) {
    counter!("tollgate_config_reloads_total", "result" => result).increment(1);
}

/// Counts a connection that was rejected because a limit was reached.
pub fn record_rejected() {
    counter!("tollgate_connections_rejected_total").increment(1);
}

/// Counts an HTTP request that was refused; `reason` is "host" or "origin".
pub fn record_http_refused(reason: &'static str) {
    counter!("tollgate_http_requests_refused_total", "reason" => reason).increment(1);
}

/// Counts connections that were closed because those without a session held too many bytes.
pub fn record_unauthenticated_closed(count: usize) {
    counter!("tollgate_unauthenticated_closed_total").increment(count as u64);
}

/// Counts log lines of refusals that were omitted.
pub fn record_omitted_lines(lines: u64) {
    counter!("tollgate_refusal_lines_omitted_total").increment(lines);
}

/// Counts a closed WebSocket connection.
pub fn record_closed(reason: &'static str) {
    counter!("tollgate_connections_closed_total", "reason" => reason).increment(1);
}
