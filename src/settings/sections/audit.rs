//! The section `[audit]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The audit trail. How long it is kept is set by `store.audit_retention_days`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// Whether each row of the audit trail also becomes a line of the log, with the target `audit`
    /// and the columns as fields, for a system that collects logs. TOLLGATE_LOG limits these lines
    /// only if it names the target, as in `info,audit=off`.
    pub log: bool,
}
