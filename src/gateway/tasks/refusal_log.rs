//! Background task that writes collected refusals to the audit trail.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Gateway;
use crate::realm::Command;
/// What was refused without a command reaches the audit trail.
pub(super) async fn flush_refusal_log(gateway: Arc<Gateway>) {
    loop {
        tokio::time::sleep(REFUSAL_LOG_INTERVAL).await;
        write_refusal_log(&gateway).await;
    }
}

/// Tells the log of the refusals that it does not know yet.
pub async fn write_refusal_log(gateway: &Gateway) {
    let noted = gateway.refusal_log.drain();
    if !noted.is_empty()
        && let Err(error) = gateway.replica.submit(Command::RecordRefusals(noted)).await
    {
        tracing::warn!(%error, "refusals are not in the audit trail");
    }
}

/// Refusals are told at this distance.
pub(super) const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(1);
