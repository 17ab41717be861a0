//! What is counted: names and units of all metrics, in one place.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use protocol::NackCode;

use crate::messages::Handler;

/// Upper bounds of the histograms' buckets, in seconds.
pub const BUCKETS: &[f64] = &[
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.002_5, 0.005, 0.01,
    0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Describes every metric; once, after the recorder is in place.
pub fn describe() {
    describe_histogram!("tollgate_message_seconds", Unit::Seconds, "serving one message, by type");
    describe_counter!("tollgate_refused_total", "refusals, by message type and code");
    describe_gauge!("tollgate_connections", "open sockets");
    describe_gauge!("tollgate_sessions", "sessions that this node knows");
    describe_gauge!("tollgate_hash_queue_jobs", "passwords that wait to be hashed");
    describe_histogram!("tollgate_hash_wait_seconds", Unit::Seconds, "waiting for a hash thread");
    describe_histogram!("tollgate_hash_seconds", Unit::Seconds, "one password hash");
    describe_histogram!("tollgate_push_lag_seconds", Unit::Seconds, "from a command to its push");
    describe_histogram!("tollgate_commit_seconds", Unit::Seconds, "from a command to its outcome");
    describe_counter!("tollgate_closed_total", "connections closed by the gateway, by reason");
    describe_counter!("tollgate_turned_away_total", "connections that found no place");
    describe_counter!("tollgate_reloads_total", "readings of the configuration, by result");
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
