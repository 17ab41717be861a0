//! The outbox of one connection: its subscriptions with their waiting rows, and notices.
//!
//! The outbox is bounded: waiting changes of one row are conflated, and a client that does not read
//! its rows is disconnected with a close reason.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::subscription::Subscription;
use super::subscription_map::SubscriptionMap;
use crate::realm::TokenHash;
use crate::realm::{EndReason, SessionNo};

/// A notice: an event for one connection that is not a row.
#[derive(Debug, Clone)]
pub enum ConnectionNotice {
    /// The services changed. The frame is an unsolicited heartbeat reply with the new list for this
    /// session. Ignored if the connection is not bound to the session.
    Services(SessionNo, Arc<[u8]>),
    /// A session ends soon. Ignored if the connection is not bound to the session.
    #[expect(missing_docs, reason = "the names of the fields explain them")]
    Expiring { session: SessionNo, in_secs: u64 },
    /// A session ended; the connection closes if it is bound to that session.
    Ended(SessionNo, EndReason),
    /// The gateway shuts down.
    Shutdown,
}

/// What a connection takes from its outbox in one drain.
#[derive(Debug, Default)]
pub struct Drained {
    /// Encoded frames, in order.
    pub frames: Vec<Vec<u8>>,
    /// Notices that the connection handles after the frames.
    pub notices: Vec<ConnectionNotice>,
}

/// Writes rows to the socket of an idle connection, without waking the task of the connection.
pub trait DirectWriter: Debug + Send + Sync {
    /// Appends a frame whose text `make` appends, and returns true. If `make` returns false,
    /// appends nothing and returns false.
    fn write_frame(&self, out: &mut Vec<u8>, make: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> bool;

    /// Sends as many bytes of the frames as the socket accepts without blocking, and returns their
    /// number.
    fn try_send(&self, frames: &[u8]) -> usize;
}

/// The outbox of a connection. The connection drains the outbox while other threads fill it.
#[derive(Debug, Default)]
pub struct Outbox {
    pub(super) state: Mutex<OutboxState>,
    /// Whether there may be something to drain.
    due: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
pub(super) struct OutboxState {
    pub(super) subscriptions: SubscriptionMap,
    notices: Vec<ConnectionNotice>,
    bytes_max: usize,
    pub(super) direct_writer: Option<Arc<dyn DirectWriter>>,
    /// Whether the direct writer may be used: only while the connection is idle.
    pub(super) direct_write_enabled: bool,
    /// Bytes of frames that the socket did not accept. The connection must write them first.
    pub(super) unsent: Vec<u8>,
    /// The hash of the token by which this connection proves a second factor that was accepted at a
    /// change of the password.
    kept_factor: Option<Box<TokenHash>>,
}

/// Maximum number of frames of one drain. The other rows stay in the outbox, where their changes
/// are still conflated while these frames are written.
const FRAMES_MAX: usize = 16;
/// The size limit of one drain, in bytes. The last frame of the drain may exceed it.
const BYTES_MAX: usize = 64 * 1024;

impl Outbox {
    /// Makes the token by which this connection proves a second factor that is about to be
    /// accepted, and returns its hash. The token is known only by its hash.
    pub fn keep_factor(&self) -> TokenHash {
        let hash = TokenHash(crate::auth::hash_token(crate::auth::session_token().expose()));
        self.state.lock().kept_factor = Some(Box::new(hash));
        hash
    }

    /// Returns the hash of the token by which this connection proves an earlier second factor;
    /// `None` if there is none.
    pub fn kept_factor(&self) -> Option<TokenHash> {
        self.state.lock().kept_factor.as_deref().copied()
    }

    /// Creates an outbox that overflows when its waiting rows exceed `bytes_max`.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let state = OutboxState { bytes_max, ..OutboxState::default() };
        Arc::new(Self { state: Mutex::new(state), ..Self::default() })
    }

    /// Adds a notice and wakes the connection. A newer list of services replaces one that waits for
    /// the same session.
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

    /// Calls `work` with all subscriptions. The connection is not woken, so `work` must not queue
    /// rows that are due.
    pub(super) fn with_subscriptions<T>(&self, work: impl FnOnce(&mut SubscriptionMap) -> T) -> T {
        work(&mut self.state.lock().subscriptions)
    }

    /// Calls `work` with one subscription, and wakes the connection if its rows are due. `None` if
    /// the subscription was cancelled.
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

    /// Calls `work` with one subscription, unless the subscription was cancelled, and returns
    /// whether its rows are due. The caller must deliver due rows after it has unlocked the index.
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

    /// Allows a subscription to send, and makes its first QUERY_UPDATE due, even without rows.
    /// Called after the LOGON_ACK of the subscription is written.
    pub fn release(&self, id: u64) {
        self.with_subscription(id, |subscription| {
            subscription.awaiting_ack = false;
            subscription.update_due = true;
        });
    }

    /// Sets the direct writer without enabling it. With `None`, only the connection writes.
    pub fn set_direct_writer(&self, writer: Option<Arc<dyn DirectWriter>>) {
        let mut state = self.state.lock();
        (state.direct_writer, state.direct_write_enabled) = (writer, false);
    }

    /// Enables direct writes if there is a writer and `is_allowed` returns true, and returns
    /// whether they are enabled. Called by the connection when it is idle.
    ///
    /// `is_allowed` runs under the lock and checks that the session has not ended. When a session
    /// ends, it is first marked as ended; then [`Outbox::disable_direct_write`] is called. If
    /// `is_allowed` runs before the mark, `disable_direct_write` disables direct writes again. If
    /// `is_allowed` runs after the mark, it returns false. In either case no row is written
    /// directly after `disable_direct_write`.
    pub fn enable_direct_write(&self, is_allowed: impl FnOnce() -> bool) -> bool {
        let mut state = self.state.lock();
        state.direct_write_enabled = state.direct_writer.is_some() && is_allowed();
        state.direct_write_enabled
    }

    /// Disables direct writes: the connection must handle an event before further rows are written.
    pub fn disable_direct_write(&self) {
        self.state.lock().direct_write_enabled = false;
    }

    /// Disables direct writes and returns the bytes that the socket did not accept. The connection
    /// writes these bytes first, because they may begin within a frame.
    pub fn take_unsent(&self) -> Vec<u8> {
        let mut state = self.state.lock();
        state.direct_write_enabled = false;
        std::mem::take(&mut state.unsent)
    }

    /// Whether direct writes are enabled.
    #[cfg(test)]
    pub fn is_direct_write_enabled(&self) -> bool {
        self.state.lock().direct_write_enabled
    }

    /// Returns how many subscriptions the connection has.
    pub fn subscriptions(&self) -> usize {
        self.state.lock().subscriptions.len()
    }

    /// Wakes the connection, unless it was woken since its last drain.
    pub fn wake(&self) {
        if !self.due.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Whether there may be something to drain.
    pub fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    /// Returns `Ready` if there may be something to drain; otherwise registers the waker of
    /// `context`.
    pub fn poll_due(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.due.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        // Checked again, because a wake before the registration woke no task.
        if self.due.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes the frames and notices to be written now. Called by the connection when its last write
    /// is complete.
    pub fn drain(&self) -> Drained {
        // `due` is cleared before the state is read. If it were cleared afterwards, the wake for a
        // row that was added in between would be lost.
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

    /// Returns the next QUERY_UPDATE of the first subscription, for a client that polls; `None` if
    /// the outbox has no subscription.
    pub fn next_update(&self) -> Option<Vec<u8>> {
        self.state.lock().subscriptions.first_mut().map(encode_update)
    }

    /// Whether the waiting rows exceed the limit. Checked while a write is blocked, and for
    /// outboxes that are polled.
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

/// Encodes the next QUERY_UPDATE of a subscription as a frame.
fn encode_update(subscription: &mut Subscription) -> Vec<u8> {
    let mut frame = Vec::new();
    subscription.write_update(&mut frame);
    frame
}
