//! Reading the rows of a subscription in steps, for DATA_LOGON and MORE_ROWS.

use protocol::{Nack, NackCode};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::storage::{AuditNo, Seq};
use crate::subscriptions::{STEP_ROWS, SubscriptionHandle};

/// Steps of the audit trail that one message reads; MORE_ROWS reads on.
const AUDIT_STEPS: usize = 200;

/// Reads up to `wanted` rows of the realm and gives the commit that they reflect.
pub async fn read_realm_rows(
    context: &MessageContext,
    handle: SubscriptionHandle<'_>,
    mut wanted: usize,
) -> Seq {
    let mut version = 0;
    // In steps: a table of a million rows must not keep commits waiting.
    while !context.gateway.replica.read(|realm, seq| {
        version = seq;
        handle.read(realm, seq, &mut wanted)
    }) {
        tokio::task::yield_now().await;
    }
    version
}

/// Reads up to `wanted` rows of the audit trail before `position`, newest first.
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
                tracing::error!(%error, "the audit trail cannot be read");
                let text = "the audit trail cannot be read now; the gateway's log says why";
                return Err(Nack::new(NackCode::Unavailable, text));
            }
            // It panicked, and the log says so.
            Err(_) => return Err(errors::internal_error(context.event)),
        };
        position = replica.read(|realm, _| handle.read_audit(realm, &rows, &mut wanted));
    }
    Ok(())
}
