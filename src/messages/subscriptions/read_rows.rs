//! Reading the rows of a subscription, a step at a time: what DATA_LOGON and MORE_ROWS share.

use protocol::{Nack, NackCode};

use crate::messages::context::Call;
use crate::storage::Seq;
use crate::subscriptions::{Outbox, STEP_ROWS, Source};

/// Steps of the audit trail that one message reads; whoever wants more asks again.
const AUDIT_STEPS: usize = 200;

/// Reads up to `wanted` rows into a subscription and gives the commit that they reflect.
pub async fn read_on(
    call: &Call,
    outbox: &Outbox,
    (id, source): (u64, Source),
    mut wanted: usize,
) -> Result<Seq, Nack> {
    let (replica, feed) = (&call.node.replica, &call.node.replica.feed);
    if source == Source::AuditEvents {
        return read_audit(call, outbox, id, wanted).await;
    }
    let mut version = 0;
    // In steps: a table of a million rows must not keep commits waiting.
    while !replica.read(|realm, seq| {
        version = seq;
        feed.read_on(realm, seq, outbox, id, &mut wanted)
    }) {
        tokio::task::yield_now().await;
    }
    Ok(version)
}

async fn read_audit(call: &Call, outbox: &Outbox, id: u64, mut wanted: usize) -> Result<Seq, Nack> {
    let (replica, feed) = (&call.node.replica, &call.node.replica.feed);
    for _ in 0..AUDIT_STEPS {
        let Some(from) = feed.audit_from(outbox, id) else { break };
        let trail = replica.trail.clone();
        let read = tokio::task::spawn_blocking(move || trail.before(Some(from), STEP_ROWS)).await;
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
