//! Delivery of the updates of a commit to their connections.
//!
//! Updates are encoded for several outboxes and then sent. Encoding and sending each run much code,
//! and alternating between them for each outbox evicts that code from the instruction cache.

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::delivery_list::PendingDelivery;
use super::outbox::{Outbox, OutboxState};
use super::subscription_map::SubscriptionMap;
use crate::realm::Realm;
use crate::storage::Seq;

/// Minimum number of outboxes for each thread if several threads deliver.
const OUTBOXES_PER_THREAD_MIN: usize = 256;
/// Maximum number of threads that deliver one commit.
const THREADS_MAX: usize = 4;
/// Maximum number of outboxes that are encoded, and stay locked, before the first one is sent.
/// Another thread that needs one of these outboxes waits for up to this many sends.
const BATCH_OUTBOXES: usize = 16;
/// Maximum number of encoded bytes of one outbox, and also of a batch. Beyond it, the connection of
/// the outbox must send the rest, and the batch is sent. The last frame may exceed the maximum.
const BYTES_MAX: usize = 64 * 1024;

/// Runs the rights checks of the deliveries, and sends the updates or wakes the connections that
/// send them. The index is not locked, so subscribe requests need not wait. Many outboxes are
/// divided among threads, so that the last outbox gets its rows sooner.
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

/// Encoded updates that are not sent yet.
#[derive(Default)]
struct SendBatch<'d> {
    out: Vec<u8>,
    /// The locked outboxes, each with the end of its bytes in `out`.
    locked: SmallVec<[(LockedOutbox<'d>, usize); BATCH_OUTBOXES]>,
}

impl<'d> SendBatch<'d> {
    fn add(&mut self, delivery: &'d PendingDelivery<'_>, realm: &Realm, seq: Seq) {
        // If the outbox is locked, this batch may hold the lock, because an outbox can be listed
        // twice. Otherwise another thread holds the lock and may wait for an outbox of this batch.
        // Sending the batch releases all its locks. So a thread that waits for an outbox holds no
        // other outbox, and no deadlock is possible.
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

/// An outbox that stays locked until its updates are sent, so that no other thread sends later rows
/// before them.
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

    /// If direct writes are enabled, appends the rows that `first` writes and then the updates that
    /// are due. Otherwise `first` queues its rows, and the connection sends them.
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

    /// Sends the encoded frames, and wakes the connection if it must send more. If the socket
    /// accepts only a part, direct writes are disabled: the connection must write the rest first.
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
