//! Background task that writes collected refusals to the audit trail.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Gateway;
use crate::realm::Command;
use crate::replication::SubmitError;

/// The time between two commands that write refusals.
pub(super) const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Runs [`write_refusal_log`] as a periodic task.
pub(super) async fn flush_refusal_log(gateway: Arc<Gateway>) {
    write_refusal_log(&gateway).await;
}

/// Submits the collected refusals as a command, which writes them to the audit trail. If the
/// command was not stored, they are counted for the next one. If its outcome is unknown, they are
/// not submitted again, and the audit trail may lack them.
pub async fn write_refusal_log(gateway: &Gateway) {
    let _writing = gateway.refusal_log.writing.lock().await;
    let refusals = gateway.refusal_log.drain();
    let counts = refusals.to_counts();
    if counts.is_empty() {
        return;
    }
    match gateway.replica.submit(Command::RecordRefusals(counts)).await {
        Ok(_) => {}
        Err(SubmitError::NotStored(_)) => gateway.refusal_log.restore(refusals),
        Err(error @ SubmitError::Unknown) => {
            let text = "writing refusals to the audit trail failed; they may be missing from it";
            tracing::warn!(%error, "{text}");
        }
    }
}
