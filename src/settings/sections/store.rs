//! `[store]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::range::RangeCheck;
/// Where commands and rows are kept; the folder comes from --data-dir.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// "sled": on this machine's disk; "memory": nowhere, for trials.
    pub engine: Engine,
    /// Megabytes of memory that the store may use as cache, roughly.
    pub cache_mb: u64,
    /// Megabytes of the disk to keep free: with less, changes are refused; 0: none.
    pub disk_reserve_mb: u64,
    /// Days for which the log keeps commands, and longer as far as records need them; 0: no limit.
    pub log_retention_days: u64,
    /// Days for which the audit trail is kept; 0: no limit.
    pub audit_retention_days: u64,
}

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described at the key")]
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
