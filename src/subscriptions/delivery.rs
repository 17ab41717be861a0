//! Delivery: the updates of a commit are encoded and sent for a few outboxes at a time. Encoding
//! and sending use much code each; each is fast only while it is repeated.

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::delivery_list::PendingDelivery;
use super::outbox::{Outbox, OutboxState};
use super::subscription_map::SubscriptionMap;
use crate::realm::Realm;
use crate::storage::Seq;
/// Outboxes of which one thread delivers at least so many.
const OUTBOXES_PER_THREAD_MIN: usize = 256;
/// Threads that deliver one commit at most.
const THREADS_MAX: usize = 4;
/// Outboxes whose updates are encoded before the first is sent. A thread that needs one of them
/// waits for so many sends.
const BATCH_OUTBOXES: usize = 16;
/// Bytes of one outbox past which the task of its connection goes on.
const BYTES_MAX: usize = 64 * 1024;

/// Checks and sends, or wakes the task that sends, without the lock of the index: new subscriptions
/// need not wait. Many outboxes are shared among threads, so that the last one has its rows sooner.
pub(super) fn deliver(deliveries: &[PendingDelivery<'_>], realm: &Realm, seq: Seq) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (deliveries.len() / OUTBOXES_PER_THREAD_MIN).clamp(1, cores.min(THREADS_MAX));
    let share = deliveries.len().div_ceil(threads).max(1);
    let send = |share: &[PendingDelivery<'_>]| {
        let mut batch = SendBatch::default();
        share.iter().for_each(|delivery| batch.add(delivery, realm, seq));
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
    fn add(&mut self, delivery: &'d PendingDelivery<'_>, realm: &Realm, seq: Seq) {
        // This batch may hold its lock: it is waited for only when the batch is empty.
        let mut locked = LockedOutbox::try_lock(&delivery.outbox).unwrap_or_else(|| {
            self.send();
            LockedOutbox::lock(&delivery.outbox)
        });
        locked.write_updates(&mut self.out, |all, out| delivery.check_rights(all, realm, seq, out));
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

/// A locked outbox: what is encoded for it leaves before anything later.
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
        first: impl FnOnce(&mut SubscriptionMap, Option<&mut Vec<u8>>),
    ) {
        let OutboxState { subscriptions, direct_writer, direct_write_enabled, .. } =
            &mut *self.state;
        let Some(direct_writer) = direct_writer.as_ref().filter(|_| *direct_write_enabled) else {
            return first(subscriptions, None);
        };
        let (start, mut first) = (out.len(), Some(first));
        let mut next = |out: &mut Vec<u8>| {
            let start = out.len();
            if let Some(first) = first.take() {
                first(subscriptions, Some(out));
            }
            if out.len() == start
                && let Some(subscription) = subscriptions.iter_mut().find(|it| it.is_due())
            {
                subscription.write_update(out);
            }
            out.len() > start
        };
        while out.len() - start < BYTES_MAX && direct_writer.write_frame(out, &mut next) {}
    }

    /// Sends what was encoded, or wakes the task of the connection if anything is left for it.
    fn send(mut self, frames: &[u8]) {
        let OutboxState { direct_writer, direct_write_enabled, unsent, .. } = &mut *self.state;
        if let Some(direct_writer) = direct_writer.as_ref().filter(|_| !frames.is_empty()) {
            let sent = direct_writer.try_send(frames);
            *direct_write_enabled = sent == frames.len();
            if !*direct_write_enabled {
                *unsent = frames[sent..].to_vec();
            }
        }
        let is_done = unsent.is_empty() && !self.state.is_due();
        drop(self.state);
        if !is_done {
            self.outbox.wake();
        }
    }
}
