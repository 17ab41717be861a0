//! The section `[heartbeat]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::DAY_SECS;
use crate::settings::range::RangeCheck;

/// Heartbeats, with which a client shows that its session is alive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatSettings {
    /// Seconds between two heartbeats, 1 to 86400; the login ack contains this interval. The
    /// gateway sends WebSocket pings at the same interval and closes a connection that left two
    /// pings unanswered.
    pub interval_secs: u64,
    /// How many heartbeat intervals may pass without a message from the client before its session
    /// ends; 0: sessions do not end for this reason. Sessions that never had a WebSocket connection
    /// are excepted.
    pub misses_allowed: u32,
    /// Whether a WebSocket pong counts as a heartbeat; false: only messages count.
    pub pong_counts: bool,
}

impl Default for HeartbeatSettings {
    fn default() -> Self {
        Self { interval_secs: 30, misses_allowed: 3, pong_counts: false }
    }
}

impl HeartbeatSettings {
    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        wrong.range("heartbeat.interval_secs", self.interval_secs, 1..=DAY_SECS);
    }
}
