//! Stepwise reading of the rows of a subscription, for DATA_LOGON and MORE_ROWS.

use protocol::{Nack, NackCode};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::storage::{AuditNo, Seq};
use crate::subscriptions::{STEP_ROWS, SubscriptionHandle};

/// Maximum number of steps in which one message reads the audit trail. The next MORE_ROWS reads the
/// rows that follow.
const AUDIT_STEPS: usize = 200;

/// Reads up to `wanted` rows of the realm. Returns the sequence number of the last log entry that
/// the realm reflected in the last step.
pub async fn read_realm_rows(
    context: &MessageContext,
    handle: SubscriptionHandle<'_>,
    mut wanted: usize,
) -> Seq {
    let mut version = 0;
    // Each step takes the lock again: reading a million rows must not delay commits.
    while !context.gateway.replica.read(|realm, seq| {
        version = seq;
        handle.read(realm, seq, &mut wanted)
    }) {
        tokio::task::yield_now().await;
    }
    version
}

/// Reads up to `wanted` rows of the audit trail before `position`, newest first. Reads no rows if
/// `position` is `None`.
pub async fn read_audit_rows(
    context: &MessageContext,
    handle: SubscriptionHandle<'_>,
    mut position: Option<AuditNo>,
    mut wanted: usize,
) -> Result<(), Nack> {
    let replica = &context.gateway.replica;
    for _ in 0..AUDIT_STEPS {
        let Some(from) = position else { break };
        let trail = replica.audit_trail.clone();
        let read =
            tokio::task::spawn_blocking(move || trail.read_before(Some(from), STEP_ROWS)).await;
        let rows = match read {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => {
                tracing::error!(%error, "reading the audit trail failed");
                let text = "the audit trail cannot be read now; see the log of the gateway";
                return Err(Nack::new(NackCode::Unavailable, text));
            }
            // The task panicked, which is already logged.
            Err(_) => return Err(errors::internal_error(context.event)),
        };
        position = replica.read(|realm, _| handle.read_audit(realm, &rows, &mut wanted));
    }
    Ok(())
}
