//! Delivery: what a commit comes to is made and sent, for a handful of outboxes at a time. Making
//! and sending are long ways through the processor; each is fast only while it is repeated.

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use super::outbox::{Inside, Outbox, Subscriptions};
use super::publish::PendingDelivery;
use crate::realm::Realm;
use crate::storage::Seq;
/// Outboxes of which one thread delivers at least so many.
const SHARE_MIN: usize = 256;
/// Threads that deliver one commit at most.
const THREADS_MAX: usize = 4;
/// Outboxes that are made for before the first is sent. Who wants one of them waits for so many
/// sends.
const BATCH_OUTBOXES: usize = 16;
/// Bytes of one outbox past which its socket's task goes on.
const BYTES_MAX: usize = 64 * 1024;

/// Looks and sends, or wakes who sends. Nobody who subscribes meanwhile waits for that. Many
/// outboxes are shared among threads: the last one has its rows the sooner.
pub(super) fn deliver(due: &[PendingDelivery<'_>], realm: &Realm, seq: Seq) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (due.len() / SHARE_MIN).clamp(1, cores.min(THREADS_MAX));
    let share = due.len().div_ceil(threads).max(1);
    let send = |share: &[PendingDelivery<'_>]| {
        let mut handful = SendBatch::default();
        share.iter().for_each(|due| handful.add(due, realm, seq));
        handful.send();
    };
    std::thread::scope(|scope| {
        let mut shares = due.chunks(share);
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
    held: SmallVec<[(LockedOutbox<'d>, usize); BATCH_OUTBOXES]>,
}

impl<'d> SendBatch<'d> {
    fn add(&mut self, due: &'d PendingDelivery<'_>, realm: &Realm, seq: Seq) {
        // Whoever has it may be this handful: with nothing in hand it can be waited for.
        let mut held = LockedOutbox::free(&due.outbox).unwrap_or_else(|| {
            self.send();
            LockedOutbox::wait(&due.outbox)
        });
        held.make(&mut self.out, |all, out| due.look(all, realm, seq, out));
        self.held.push((held, self.out.len()));
        if self.held.len() == BATCH_OUTBOXES || self.out.len() > BYTES_MAX {
            self.send();
        }
    }

    fn send(&mut self) {
        let mut start = 0;
        for (held, end) in self.held.drain(..) {
            held.send(&self.out[start..end]);
            start = end;
        }
        self.out.clear();
    }
}

/// An outbox that nobody else can touch: what is made for it leaves before anything later.
struct LockedOutbox<'d> {
    outbox: &'d Outbox,
    inside: MutexGuard<'d, Inside>,
}

impl<'d> LockedOutbox<'d> {
    fn free(outbox: &'d Outbox) -> Option<Self> {
        outbox.inside.try_lock().map(|inside| Self { outbox, inside })
    }

    fn wait(outbox: &'d Outbox) -> Self {
        Self { outbox, inside: outbox.inside.lock() }
    }

    /// Appends what `first` appends and then what waits, if the line is lent.
    fn make(
        &mut self,
        out: &mut Vec<u8>,
        first: impl FnOnce(&mut Subscriptions, Option<&mut Vec<u8>>),
    ) {
        let Inside { subscriptions, line, is_lent, .. } = &mut *self.inside;
        let Some(line) = line.as_ref().filter(|_| *is_lent) else {
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
        while out.len() - start < BYTES_MAX && line.frame(out, &mut next) {}
    }

    /// Sends what was made, or wakes the socket's task if anything is left for it.
    fn send(mut self, made: &[u8]) {
        let Inside { line, is_lent, rest, .. } = &mut *self.inside;
        if let Some(line) = line.as_ref().filter(|_| !made.is_empty()) {
            let sent = line.send(made);
            *is_lent = sent == made.len();
            if !*is_lent {
                *rest = made[sent..].to_vec();
            }
        }
        let is_done = rest.is_empty() && !self.inside.is_due();
        drop(self.inside);
        if !is_done {
            self.outbox.wake();
        }
    }
}
