//! Where a conversation differed from its script.

use std::collections::BTreeMap;
use std::fmt;

use protocol::script::Mismatch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// Differences that are told apart; more are only counted.
const LISTED_MAX: usize = 1_000;

/// A place of a script where something else came, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct Difference {
    /// The file of the script.
    pub script: String,
    /// The line, from 1.
    pub line: usize,
    /// The field, such as `DETAILS.ROW[0].CODE`; empty: the frame as a whole.
    pub field: String,
    /// What the script has there (of the first time).
    pub expected: String,
    /// What came.
    pub received: String,
    /// How often.
    pub count: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { script, line, field, expected, received, count } = self;
        let field = if field.is_empty() { "the frame" } else { field };
        write!(f, "{script}:{line}: {field}: expected {expected}, received {received}")?;
        if *count > 1 { write!(f, " ({count} times)") } else { Ok(()) }
    }
}

/// All of a run, by place.
#[derive(Debug, Default)]
pub(super) struct Differences {
    entries: BTreeMap<(String, usize, String), Difference>,
    /// How many there were, told or not.
    pub total: u64,
}

impl Differences {
    /// Takes one in.
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

    /// In the order of scripts and lines.
    pub fn list(&self) -> Vec<Difference> {
        self.entries.values().cloned().collect()
    }
}
