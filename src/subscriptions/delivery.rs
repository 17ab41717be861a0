//! Delivery: what a commit comes to is made and sent, for a handful of outboxes at a time. Making
//! and sending are long ways through the processor; each is fast only while it is repeated.

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::outbox::{Outbox, OutboxState, Subscriptions};
use super::publish::PendingDelivery;
use crate::realm::Realm;
use crate::storage::Seq;
/// Outboxes of which one thread delivers at least so many.
const OUTBOXES_PER_THREAD_MIN: usize = 256;
/// Threads that deliver one commit at most.
const THREADS_MAX: usize = 4;
/// Outboxes that are made for before the first is sent. Who wants one of them waits for so many
/// sends.
const BATCH_OUTBOXES: usize = 16;
/// Bytes of one outbox past which its socket's task goes on.
const BYTES_MAX: usize = 64 * 1024;

/// Looks and sends, or wakes who sends. Nobody who subscribes meanwhile waits for that. Many
/// outboxes are shared among threads: the last one has its rows the sooner.
pub(super) fn deliver(deliveries: &[PendingDelivery<'_>], realm: &Realm, seq: Seq) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (deliveries.len() / OUTBOXES_PER_THREAD_MIN).clamp(1, cores.min(THREADS_MAX));
    let share = deliveries.len().div_ceil(threads).max(1);
    let send = |share: &[PendingDelivery<'_>]| {
        let mut batch = SendBatch::default();
        share.iter().for_each(|deliveries| batch.add(deliveries, realm, seq));
        batch.send();
    };
    std::thread::scope(|scope| {
        let mut shares = deliveries.chunks(share);
        let own = shares.next();
        shares.for_each(|share| drop(scope.spawn(move || send(share))));
        own.into_iter().for_each(send);
    });
}

/// What was made and is not sent yet.
#[derive(Default)]
struct SendBatch<'d> {
    out: Vec<u8>,
    /// Whose it is, each with its end.
    locked: SmallVec<[(LockedOutbox<'d>, usize); BATCH_OUTBOXES]>,
}

impl<'d> SendBatch<'d> {
    fn add(&mut self, deliveries: &'d PendingDelivery<'_>, realm: &Realm, seq: Seq) {
        // Whoever has it may be this handful: with nothing in hand it can be waited for.
        let mut locked = LockedOutbox::try_lock(&deliveries.outbox).unwrap_or_else(|| {
            self.send();
            LockedOutbox::lock(&deliveries.outbox)
        });
        locked
            .write_updates(&mut self.out, |all, out| deliveries.check_rights(all, realm, seq, out));
        self.locked.push((locked, self.out.len()));
        if self.locked.len() == BATCH_OUTBOXES || self.out.len() > BYTES_MAX {
            self.send();
        }
    }

    fn send(&mut self) {
        let mut start = 0;
        for (locked, end) in self.locked.drain(..) {
            locked.send(&self.out[start..end]);
            start = end;
        }
        self.out.clear();
    }
}

/// An outbox that nobody else can touch: what is made for it leaves before anything later.
struct LockedOutbox<'d> {
    outbox: &'d Outbox,
    state: MutexGuard<'d, OutboxState>,
}

impl<'d> LockedOutbox<'d> {
    fn try_lock(outbox: &'d Outbox) -> Option<Self> {
        outbox.state.try_lock().map(|state| Self { outbox, state })
    }

    fn lock(outbox: &'d Outbox) -> Self {
        Self { outbox, state: outbox.state.lock() }
    }

    /// Appends what `first` appends and then what waits, if direct writes are enabled.
    fn write_updates(
        &mut self,
        out: &mut Vec<u8>,
        first: impl FnOnce(&mut Subscriptions, Option<&mut Vec<u8>>),
    ) {
        let OutboxState {
            subscriptions, direct_writer: line, direct_write_enabled: is_lent, ..
        } = &mut *self.state;
        let Some(direct_writer) = line.as_ref().filter(|_| *is_lent) else {
            return first(subscriptions, None);
        };
        let (start, mut first) = (out.len(), Some(first));
        let mut next = |out: &mut Vec<u8>| {
            let start = out.len();
            if let Some(first) = first.take() {
                first(subscriptions, Some(out));
            }
            if out.len() == start
                && let Some(one) = subscriptions.iter_mut().find(|one| one.is_due())
            {
                one.write_update(out);
            }
            out.len() > start
        };
        while out.len() - start < BYTES_MAX && direct_writer.write_frame(out, &mut next) {}
    }

    /// Sends what was made, or wakes the socket's task if anything is left for it.
    fn send(mut self, frames: &[u8]) {
        let OutboxState {
            direct_writer: line, direct_write_enabled: is_lent, unsent: rest, ..
        } = &mut *self.state;
        if let Some(direct_writer) = line.as_ref().filter(|_| !frames.is_empty()) {
            let sent = direct_writer.try_send(frames);
            *is_lent = sent == frames.len();
            if !*is_lent {
                *rest = frames[sent..].to_vec();
            }
        }
        let is_done = rest.is_empty() && !self.state.is_due();
        drop(self.state);
        if !is_done {
            self.outbox.wake();
        }
    }
}
