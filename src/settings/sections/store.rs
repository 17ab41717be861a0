//! The section `[store]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::range::RangeCheck;

/// The store of rows (users, sessions and so on), of the command log with all changes, and of the
/// audit trail. The option --data-dir of `tollgate serve` sets its directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Storage engine: "sled", a database in the directory of the store; "memory", for trials:
    /// nothing is stored on the disk. A change takes effect at the next start.
    pub engine: Engine,
    /// Approximate size of the cache of the database in megabytes, 1 to 65536. A change takes
    /// effect at the next start.
    pub cache_mb: u64,
    /// Free disk space in megabytes, 0 to 1048576, below which the gateway refuses changes and
    /// logins; 0: free space is not checked. A change takes effect at the next start.
    pub disk_reserve_mb: u64,
    /// Days for which the command log keeps entries, 0 to 36500; 0: no limit, entries are never
    /// removed. Entries whose rows are not saved yet are kept longer.
    pub log_retention_days: u64,
    /// Days for which the audit trail keeps rows, 0 to 36500. 0: no limit, rows are never removed.
    pub audit_retention_days: u64,
}

/// The storage engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "explained at the key")]
pub enum Engine {
    Sled,
    Memory,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            engine: Engine::Sled,
            cache_mb: 64,
            disk_reserve_mb: 64,
            log_retention_days: 90,
            audit_retention_days: 365,
        }
    }
}

impl StoreSettings {
    pub(in crate::settings) fn check(&self, wrong: &mut Vec<String>) {
        wrong.range("store.disk_reserve_mb", self.disk_reserve_mb, 0..=1 << 20);
        wrong.range("store.cache_mb", self.cache_mb, 1..=65_536);
        for (key, days) in [
            ("log_retention_days", self.log_retention_days),
            ("audit_retention_days", self.audit_retention_days),
        ] {
            wrong.range(format!("store.{key}"), days, 0..=36_500);
        }
    }
}
