//! Background task that trims the command log and the audit trail by age.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Gateway;
use crate::realm::{DAY_MS, Millis};
/// The time between two trims of the command log or the audit trail.
pub(super) const TRIM_INTERVAL: Duration = Duration::from_secs(3_600);
/// The time between two steps of one trim of the audit trail.
const TRIM_STEP_INTERVAL: Duration = Duration::from_secs(1);

/// Removes old commands from the log once the records reflect them.
pub(super) async fn trim(gateway: Arc<Gateway>) {
    let before = retention_start(&gateway, gateway.settings().store.log_retention_days);
    match gateway.replica.trim(before).await {
        Ok(removed) => tracing::debug!(removed, "old entries of the log are trimmed"),
        Err(why) => tracing::warn!(why, "the log could not be trimmed"),
    }
}

/// What is older is not kept; 0 days: everything is.
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
            // A full step is followed by the next one soon.
            Ok(Ok(_)) => tokio::time::sleep(TRIM_STEP_INTERVAL).await,
            Ok(Err(error)) => {
                return tracing::warn!(%error, "the audit trail could not be trimmed");
            }
            Err(error) => return tracing::warn!(%error, "the trim of the audit trail failed"),
        }
    }
}
