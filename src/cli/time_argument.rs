//! Parser for duration arguments such as 30s.

use std::time::Duration;

use anyhow::{Context, Result};

/// Parses a duration such as 500ms, 30s or 5m.
pub(super) fn parse_time(text: &str) -> Result<Duration> {
    protocol::duration::parse(text)
        .context("a duration must be a whole number with a unit (ms, s, m, h or d), such as 30s")
}
