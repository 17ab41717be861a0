//! Background tasks that trim the command log and the audit trail by age.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Gateway;
use crate::realm::{DAY_MS, Millis};

/// The time between two trims of the command log, and between two trims of the audit trail.
pub(super) const TRIM_INTERVAL: Duration = Duration::from_secs(3_600);
/// The time between two steps of one trim of the audit trail.
const TRIM_STEP_INTERVAL: Duration = Duration::from_secs(1);

/// Removes old entries from the command log, except entries that the row store does not reflect
/// yet.
pub(super) async fn trim(gateway: Arc<Gateway>) {
    let before = retention_start(&gateway, gateway.settings().store.log_retention_days);
    match gateway.replica.trim(before).await {
        Ok(last_removed_entry) => tracing::debug!(last_removed_entry, "command log trimmed"),
        Err(error) => tracing::warn!(error, "trimming the command log failed"),
    }
}

/// Returns the time before which data is removed. With 0 days all data is kept.
fn retention_start(gateway: &Gateway, days: u64) -> Millis {
    if days == 0 { 0 } else { gateway.clock.now().saturating_sub(days * DAY_MS) }
}

/// Removes old rows from the audit trail, in steps.
pub(super) async fn trim_audit(gateway: Arc<Gateway>) {
    loop {
        let before = retention_start(&gateway, gateway.settings().store.audit_retention_days);
        let trail = gateway.replica.audit_trail.clone();
        match tokio::task::spawn_blocking(move || trail.trim(before)).await {
            Ok(Ok(0)) => return,
            // Old rows may remain: one step removes a bounded number of rows.
            Ok(Ok(_)) => tokio::time::sleep(TRIM_STEP_INTERVAL).await,
            Ok(Err(error)) => {
                return tracing::warn!(%error, "trimming the audit trail failed");
            }
            Err(error) => {
                return tracing::warn!(%error, "the task that trims the audit trail failed");
            }
        }
    }
}
