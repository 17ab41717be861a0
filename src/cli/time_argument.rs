//! Durations as arguments: a number with its unit.

use std::time::Duration;

use anyhow::{Context, Result};

/// Reads a duration such as 500ms, 30s or 5m.
pub(super) fn parse_time(text: &str) -> Result<Duration> {
    protocol::duration::parse(text)
        .context("a duration is a number with ms, s, m, h or d, such as 30s")
}
