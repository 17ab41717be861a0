//! The outbox of one connection: subscriptions with what waits for them, and notices. Bounded:
//! rows conflate, and a reader that stays behind is closed with a reason.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::subscription::Subscription;
use super::subscription_map::SubscriptionMap;
use crate::realm::{EndReason, SessionNo};
/// An event for one connection beside its rows.
#[derive(Debug, Clone)]
pub enum ConnectionNotice {
    /// The services changed: the frame of a heartbeat's answer that no heartbeat asked for.
    Services(SessionNo, Arc<[u8]>),
    /// The session of this connection ends soon.
    #[expect(missing_docs, reason = "which session, and the seconds that are left")]
    Expiring { session: SessionNo, in_secs: u64 },
    /// A session ended; the connection closes if it is bound to it.
    Ended(SessionNo, EndReason),
    /// The gateway drains.
    Shutdown,
}

/// What a connection has to write.
#[derive(Debug, Default)]
pub struct Drained {
    /// Finished frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// What the connection has to react to, after them.
    pub notices: Vec<ConnectionNotice>,
}

/// How rows are sent without the task of the connection, while it has nothing to do.
pub trait DirectWriter: Debug + Send + Sync {
    /// Appends the text that `make` appends as a frame; false and nothing if it has none.
    fn write_frame(&self, out: &mut Vec<u8>, make: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> bool;

    /// Sends frames, as far as the socket takes them now, and gives how many bytes these are.
    fn try_send(&self, frames: &[u8]) -> usize;
}

/// Shared by the connection that empties it and the threads that fill it.
#[derive(Debug, Default)]
pub struct Outbox {
    pub(super) state: Mutex<OutboxState>,
    due: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
pub(super) struct OutboxState {
    pub(super) subscriptions: SubscriptionMap,
    notices: Vec<ConnectionNotice>,
    bytes_max: usize,
    pub(super) direct_writer: Option<Arc<dyn DirectWriter>>,
    /// Whether the direct writer may be used.
    pub(super) direct_write_enabled: bool,
    /// Bytes that the direct writer did not take.
    pub(super) unsent: Vec<u8>,
}

/// Frames taken in one go; the rest stays and goes on conflating while they are written.
const FRAMES_MAX: usize = 16;
/// And their bytes, of which the last frame may be over.
const BYTES_MAX: usize = 64 * 1024;

impl Outbox {
    /// An outbox whose waiting rows may weigh `bytes_max`.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let state = OutboxState { bytes_max, ..OutboxState::default() };
        Arc::new(Self { state: Mutex::new(state), ..Self::default() })
    }

    /// Adds a notice and wakes the connection. A newer list of services replaces one that waits.
    pub fn notify(&self, notice: ConnectionNotice) {
        let mut state = self.state.lock();
        if let ConnectionNotice::Services(session, _) = &notice {
            state.notices.retain(|queued| {
                let ConnectionNotice::Services(other, _) = queued else { return true };
                other != session
            });
        }
        state.notices.push(notice);
        drop(state);
        self.wake();
    }

    /// Works on all subscriptions, without a wake-up: no rows may become due by it.
    pub(super) fn with_subscriptions<T>(&self, work: impl FnOnce(&mut SubscriptionMap) -> T) -> T {
        work(&mut self.state.lock().subscriptions)
    }

    /// Works on one subscription, if it is still there, and wakes the connection if rows wait.
    pub(super) fn with_subscription<T>(
        &self,
        id: u64,
        work: impl FnOnce(&mut Subscription) -> T,
    ) -> Option<T> {
        let mut state = self.state.lock();
        let subscription = state.subscriptions.get_mut(id)?;
        let (done, is_due) = (work(subscription), subscription.is_due());
        drop(state);
        if is_due {
            self.wake();
        }
        Some(done)
    }

    /// Works on one subscription, if it is still there, and says whether rows wait. The caller
    /// delivers them when it holds no other lock.
    pub(super) fn with_subscription_no_wake(
        &self,
        id: u64,
        work: impl FnOnce(&mut Subscription),
    ) -> bool {
        let mut state = self.state.lock();
        state.subscriptions.get_mut(id).is_some_and(|subscription| {
            work(subscription);
            subscription.is_due()
        })
    }

    /// Lets the rows of a subscription go, after its LOGON_ACK, and owes it a QUERY_UPDATE.
    pub fn release(&self, id: u64) {
        self.with_subscription(id, |subscription| {
            subscription.awaiting_ack = false;
            subscription.update_due = true;
        });
    }

    /// Sets the direct writer of rows, not enabled yet; `None`: the connection writes them.
    pub fn set_direct_writer(&self, writer: Option<Arc<dyn DirectWriter>>) {
        let mut state = self.state.lock();
        (state.direct_writer, state.direct_write_enabled) = (writer, false);
    }

    /// The connection has nothing to write. Says whether other threads may write now; `is_allowed`
    /// is asked under the lock, so that no [`Outbox::disable_direct_write`] is missed.
    pub fn enable_direct_write(&self, is_allowed: impl FnOnce() -> bool) -> bool {
        let mut state = self.state.lock();
        state.direct_write_enabled = state.direct_writer.is_some() && is_allowed();
        state.direct_write_enabled
    }

    /// Only the connection may write now: it has something to react to.
    pub fn disable_direct_write(&self) {
        self.state.lock().direct_write_enabled = false;
    }

    /// The connection writes again, first of all the rest of what others wrote.
    pub fn take_unsent(&self) -> Vec<u8> {
        let mut state = self.state.lock();
        state.direct_write_enabled = false;
        std::mem::take(&mut state.unsent)
    }

    /// Whether other threads than the connection's may write.
    #[cfg(test)]
    pub fn is_direct_write_enabled(&self) -> bool {
        self.state.lock().direct_write_enabled
    }

    /// How many subscriptions the connection has.
    pub fn subscriptions(&self) -> usize {
        self.state.lock().subscriptions.len()
    }

    /// Wakes the connection.
    pub fn wake(&self) {
        if !self.due.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether there may be something to take.
    pub fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    /// Ready when there may be something to take.
    pub fn poll_due(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.due.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        if self.due.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes what is to be written now. Called by the connection, when its last write is done.
    pub fn drain(&self) -> Drained {
        self.due.store(false, Ordering::Release);
        let mut state = self.state.lock();
        let (mut drained, mut bytes) = (Drained::default(), 0);
        for subscription in state.subscriptions.iter_mut() {
            while subscription.is_due() && drained.frames.len() < FRAMES_MAX && bytes < BYTES_MAX {
                let frame = encode_update(subscription);
                bytes += frame.len();
                drained.frames.push(frame);
            }
        }
        if state.subscriptions.iter().any(Subscription::is_due) {
            self.due.store(true, Ordering::Release);
        }
        drained.notices = std::mem::take(&mut state.notices);
        drained
    }

    /// The waiting rows of the first subscription as one frame, for a client that polls.
    pub fn next_update(&self) -> Option<Vec<u8>> {
        self.state.lock().subscriptions.first_mut().map(encode_update)
    }

    /// Whether more waits than may wait. Asked while a write is stuck.
    pub fn overflows(&self) -> bool {
        let state = self.state.lock();
        state.subscriptions.iter().map(Subscription::weight).sum::<usize>() > state.bytes_max
    }
}

impl OutboxState {
    pub(super) fn is_due(&self) -> bool {
        self.subscriptions.iter().any(Subscription::is_due)
    }
}

/// The next QUERY_UPDATE as a frame of its own.
fn encode_update(subscription: &mut Subscription) -> Vec<u8> {
    let mut frame = Vec::new();
    subscription.write_update(&mut frame);
    frame
}
