//! Background task that writes collected refusals to the audit trail.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::state::Node;
use crate::realm::Command;
/// What was refused without a command reaches the audit trail.
pub(super) async fn flush_refusal_log(node: Arc<Node>) {
    loop {
        tokio::time::sleep(NOTE_DISTANCE).await;
        flush_notes(&node).await;
    }
}

/// Tells the log of the refusals that it does not know yet.
pub async fn flush_notes(node: &Node) {
    let noted = node.notes.drain();
    if !noted.is_empty()
        && let Err(error) = node.replica.submit(Command::RecordRefusals(noted)).await
    {
        tracing::warn!(%error, "refusals are not in the audit trail");
    }
}

/// Refusals are told at this distance.
pub(super) const NOTE_DISTANCE: Duration = Duration::from_secs(1);
