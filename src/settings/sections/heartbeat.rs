//! `[heartbeat]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::DAY_SECS;
use crate::settings::range::RangeCheck;
/// Heartbeats, by which a session shows that its client is alive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HeartbeatSettings {
    /// Seconds between two heartbeats; sent in the login ack.
    pub interval_secs: u64,
    /// Intervals without a sign of life that end a session; 0: never.
    pub misses_allowed: u32,
    /// Whether the answer to a WebSocket ping is a sign of life of the session.
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
