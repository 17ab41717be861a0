//! Differences between a conversation and its script.

use std::collections::BTreeMap;
use std::fmt;

use protocol::script::Mismatch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum number of differences that are listed; more are only counted.
const LISTED_MAX: usize = 1_000;

/// A line of a script from which a received frame differed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Difference {
    /// Path of the script.
    pub script: String,
    /// Line of the script, from 1; 0 if no connection could be opened.
    pub line: usize,
    /// The field, such as `DETAILS.ROW[0].CODE`; empty for the whole frame.
    pub field: String,
    /// The expected value, at the first occurrence.
    pub expected: String,
    /// The received value, at the first occurrence.
    pub received: String,
    /// Number of occurrences.
    pub count: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, line, field, expected, received, count } = self;
        let field = if field.is_empty() { "the frame" } else { field };
        match line {
            0 => write!(f, "{script}: ")?,
            line => write!(f, "{script}:{line}: {field}: ")?,
        }
        write!(f, "expected {expected}, received {received}")?;
        if *count > 1 { write!(f, " ({count} times)") } else { Ok(()) }
    }
}

/// All differences of a run, by script, line and field.
#[derive(Debug, Default)]
pub(super) struct Differences {
    entries: BTreeMap<(String, usize, String), Difference>,
    /// Number of differences, listed or not.
    pub total: u64,
}

impl Differences {
    /// Adds a difference.
    pub fn add(&mut self, script: &str, line: usize, what: Mismatch) {
        self.total += 1;
        let key = (script.to_owned(), line, what.path.clone());
        let full = self.entries.len() >= LISTED_MAX;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.count += 1;
        } else if !full {
            let Mismatch { path: field, expected, received } = what;
            let script = script.to_owned();
            let one = Difference { script, line, field, expected, received, count: 1 };
            self.entries.insert(key, one);
        }
    }

    /// Returns the listed differences, ordered by script, line and field.
    pub fn list(&self) -> Vec<Difference> {
        self.entries.values().cloned().collect()
    }
}
