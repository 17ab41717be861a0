//! Reading the rows of a subscription, a step at a time: what DATA_LOGON and MORE_ROWS share.

use protocol::{Nack, NackCode};

use crate::messages::context::MessageContext;
use crate::storage::Seq;
use crate::subscriptions::{DataSource, Outbox, STEP_ROWS};

/// Steps of the audit trail that one message reads; whoever wants more asks again.
const AUDIT_STEPS: usize = 200;

/// Reads up to `wanted` rows into a subscription and gives the commit that they reflect.
pub async fn read_rows(
    context: &MessageContext,
    outbox: &Outbox,
    (id, source): (u64, DataSource),
    mut wanted: usize,
) -> Result<Seq, Nack> {
    let (replica, feed) = (&context.gateway.replica, &context.gateway.replica.subscriptions);
    if source == DataSource::AuditEvents {
        return read_audit_rows(context, outbox, id, wanted).await;
    }
    let mut version = 0;
    // In steps: a table of a million rows must not keep commits waiting.
    while !replica.read(|realm, seq| {
        version = seq;
        feed.read_rows(realm, seq, outbox, id, &mut wanted)
    }) {
        tokio::task::yield_now().await;
    }
    Ok(version)
}

async fn read_audit_rows(
    context: &MessageContext,
    outbox: &Outbox,
    id: u64,
    mut wanted: usize,
) -> Result<Seq, Nack> {
    let (replica, feed) = (&context.gateway.replica, &context.gateway.replica.subscriptions);
    for _ in 0..AUDIT_STEPS {
        let Some(from) = feed.audit_read_position(outbox, id) else { break };
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
            Err(_) => break,
        };
        if replica.read(|realm, _| feed.read_audit(realm, outbox, id, &rows, &mut wanted)) {
            break;
        }
    }
    Ok(replica.read(|_, seq| seq))
}
