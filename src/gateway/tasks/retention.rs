//! Background task that trims the command log and the audit trail by age.

use std::sync::Arc;
use std::time::Duration;

use super::refusal_log::REFUSAL_LOG_INTERVAL;
use crate::gateway::state::Gateway;
use crate::realm::{DAY_MS, Millis};
/// Old commands leave the log once the records reflect them.
pub(super) async fn trim(gateway: Arc<Gateway>) {
    loop {
        let before = retention_start(&gateway, gateway.settings().store.log_retention_days);
        match gateway.replica.trim(before).await {
            Ok(gone) => tracing::debug!(gone, "old entries of the log are trimmed"),
            Err(why) => tracing::warn!(why, "the log could not be trimmed"),
        }
        tokio::time::sleep(TRIM_INTERVAL).await;
    }
}

/// What is older is not kept; 0 days: everything is.
fn retention_start(gateway: &Gateway, days: u64) -> Millis {
    if days == 0 { 0 } else { gateway.clock.now().saturating_sub(days * DAY_MS) }
}

/// Old rows leave the audit trail.
pub(super) async fn trim_audit(gateway: Arc<Gateway>) {
    loop {
        let before = retention_start(&gateway, gateway.settings().store.audit_retention_days);
        let trail = gateway.replica.audit_trail.clone();
        match tokio::task::spawn_blocking(move || trail.trim(before)).await {
            // A full step is followed by the next one soon.
            Ok(Ok(gone)) if gone > 0 => tokio::time::sleep(REFUSAL_LOG_INTERVAL).await,
            Ok(Ok(_)) => tokio::time::sleep(TRIM_INTERVAL).await,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the audit trail could not be trimmed");
                tokio::time::sleep(TRIM_INTERVAL).await;
            }
            Err(_) => return,
        }
    }
}

/// The log is trimmed at this distance.
pub(super) const TRIM_INTERVAL: Duration = Duration::from_secs(3_600);
