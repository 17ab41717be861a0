//! What is counted: names and units of all metrics, in one place.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use protocol::NackCode;

use crate::messages::Handler;

/// Upper bounds of the histograms' buckets, in seconds.
pub const BUCKETS: &[f64] = &[
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01,
    0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How a metric is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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
    pub kind: Kind,
    /// What it tells apart.
    pub labels: &'static [&'static str],
    /// What it is.
    pub text: &'static str,
}

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    text: &'static str,
) -> Metric {
    Metric { name, kind, labels, text }
}

/// Every metric there is.
pub static METRICS: [Metric; 15] = [
    metric("tollgate_connections", Kind::Gauge, &[], "open sockets"),
    metric("tollgate_sessions", Kind::Gauge, &[], "sessions that this node knows"),
    metric(
        "tollgate_message_seconds",
        Kind::Seconds,
        &["message_type"],
        "serving one message, by type",
    ),
    metric(
        "tollgate_refused_total",
        Kind::Counter,
        &["message_type", "code"],
        "refusals, by message type and code",
    ),
    metric("tollgate_push_lag_seconds", Kind::Seconds, &[], "from a command to its push"),
    metric("tollgate_commit_seconds", Kind::Seconds, &[], "from a command to its outcome"),
    metric("tollgate_hash_queue_jobs", Kind::Gauge, &[], "passwords that wait to be hashed"),
    metric("tollgate_hash_wait_seconds", Kind::Seconds, &[], "waiting for a hash thread"),
    metric("tollgate_hash_seconds", Kind::Seconds, &[], "one password hash"),
    metric(
        "tollgate_closed_total",
        Kind::Counter,
        &["reason"],
        "connections closed by the gateway, by reason",
    ),
    metric("tollgate_turned_away_total", Kind::Counter, &[], "connections that found no place"),
    metric("tollgate_mails_waiting", Kind::Gauge, &[], "mails that wait to be sent"),
    metric("tollgate_mails_total", Kind::Counter, &["result"], "tries to send a mail, by result"),
    metric(
        "tollgate_directory_seconds",
        Kind::Seconds,
        &["result"],
        "asking one server of a directory, by result",
    ),
    metric(
        "tollgate_reloads_total",
        Kind::Counter,
        &["result"],
        "readings of the configuration, by result",
    ),
];

/// Describes every metric; once, after the recorder is in place.
pub fn describe() {
    for metric in &METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.text),
            Kind::Gauge => describe_gauge!(metric.name, metric.text),
            Kind::Seconds => describe_histogram!(metric.name, Unit::Seconds, metric.text),
        }
    }
}

/// A message was served.
pub fn served(row: &Handler, seconds: f64) {
    let make = || histogram!("tollgate_message_seconds", "message_type" => row.name);
    row.seconds.get_or_init(make).record(seconds);
}

/// A message was refused.
pub fn refused(row: Option<&Handler>, code: NackCode) {
    let name = row.map_or("?", |row| row.name);
    counter!("tollgate_refused_total", "message_type" => name, "code" => code.code()).increment(1);
}

/// The configuration was read again: "done" or "refused".
pub fn reloaded(result: &'static str) {
    counter!("tollgate_reloads_total", "result" => result).increment(1);
}

/// A connection found no place.
pub fn turned_away() {
    counter!("tollgate_turned_away_total").increment(1);
}

/// A connection was closed by the gateway.
pub fn closed(reason: &'static str) {
    counter!("tollgate_closed_total", "reason" => reason).increment(1);
}
