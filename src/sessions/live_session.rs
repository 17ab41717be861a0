//! One live session of this gateway.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use protocol::UserName;

use crate::realm::{EndReason, Millis, SessionNo, UserNo};
use crate::subscriptions::{ConnectionNotice, Outbox, SubscriptionQuota};

/// A session that is live on this gateway. Each connection bound to the session holds a reference.
///
/// The fields that are read for every message are first and adjacent (hence `repr(C)`), so that
/// they share cache lines. With many sessions, each access to another cache line is a cache miss.
#[derive(Debug)]
#[repr(C)]
pub struct LiveSession {
    /// When the session was last seen, epoch ms. Messages on a connection of the session or with
    /// the token of the session count. Pongs count only if `heartbeat.pong_counts` is set.
    pub(super) last_seen: AtomicU64,
    /// When a message that counts as use was last served, epoch ms.
    pub(super) last_used: AtomicU64,
    /// Incremented with each change of the session's row, because the change may have replaced the
    /// tokens. Invalidates token caches.
    pub(super) token_epoch: AtomicU32,
    /// Why the session ended; empty while it is live.
    pub(super) ended: OnceLock<EndReason>,
    /// Whether a message arrived after the session had expired. The first such message submits the
    /// command to end the session. Later ones submit it only if it failed.
    pub(super) ending: AtomicBool,
    /// Whether missed heartbeats end the session: [`UNMONITORED`], [`MONITORED`] or
    /// [`MONITORED_REPORTED`].
    pub(super) monitored: AtomicU8,
    /// The user.
    pub user: UserNo,
    /// The number of the session.
    pub session: SessionNo,
    /// The user's name.
    pub user_name: UserName,
    /// The count of the session's subscriptions over all its connections.
    pub quota: SubscriptionQuota,
    /// The last use that is in the command log, epoch ms.
    pub(super) last_reported: AtomicU64,
    /// When the session expires regardless of use, epoch ms; `Millis::MAX` if it ends when idle.
    pub(super) fixed_end: AtomicU64,
    /// When the session ends whatever its use, epoch ms; `Millis::MAX` without limit.
    pub(super) max_end: AtomicU64,
    /// Outboxes of the connections that get the notices of the session.
    pub(super) outboxes: Mutex<Vec<Arc<Outbox>>>,
}

impl LiveSession {
    /// Whether the session has ended. Already true when the command that ends the session returns
    /// its outcome.
    pub fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Returns a number that changes whenever the session's tokens change. Compare it only for
    /// equality.
    pub fn token_epoch(&self) -> u32 {
        self.token_epoch.load(Ordering::Acquire)
    }

    /// Records that a message that counts as use was served.
    pub fn used(&self, now: Millis) {
        self.last_used.fetch_max(now, Ordering::Relaxed);
    }

    /// Records that the session was seen.
    pub fn seen(&self, now: Millis) {
        self.last_seen.fetch_max(now, Ordering::Relaxed);
    }

    /// Returns when the session was last used, epoch ms.
    pub fn last_used(&self) -> Millis {
        self.last_used.load(Ordering::Relaxed)
    }

    /// Returns when the session was last seen, epoch ms.
    pub fn last_seen(&self) -> Millis {
        self.last_seen.load(Ordering::Relaxed)
    }

    /// Returns when the session expires regardless of use, epoch ms; `None` if it ends when idle.
    pub fn fixed_end(&self) -> Option<Millis> {
        Some(self.fixed_end.load(Ordering::Acquire)).filter(|end| *end != Millis::MAX)
    }

    /// Returns when the session ends whatever its use, epoch ms; `Millis::MAX` without limit.
    pub fn max_end(&self) -> Millis {
        self.max_end.load(Ordering::Acquire)
    }

    /// Whether missed heartbeats end the session. True once a connection was bound to the session.
    pub fn is_monitored(&self) -> bool {
        self.monitored.load(Ordering::Relaxed) != UNMONITORED
    }

    /// Binds a connection, which gets the notices of the session. If the session has already ended,
    /// the connection is notified of that at once. Returns true if the session was not monitored
    /// before.
    pub fn bind(&self, outbox: &Arc<Outbox>, now: Millis) -> bool {
        self.seen(now);
        self.add_outbox(outbox);
        self.monitored
            .compare_exchange(UNMONITORED, MONITORED, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Removes a connection, which then gets no notices of the session.
    pub fn unbind(&self, outbox: &Arc<Outbox>) {
        self.outboxes.lock().retain(|other| !Arc::ptr_eq(other, outbox));
    }

    /// Records that the session is monitored and that the command log states so.
    pub fn mark_monitored(&self) {
        self.monitored.store(MONITORED_REPORTED, Ordering::Relaxed);
    }

    /// Adds a connection, which then gets the notices of the session. If the session has already
    /// ended, the connection is notified of that at once. The connection may be bound to another
    /// session.
    pub fn add_outbox(&self, outbox: &Arc<Outbox>) {
        self.outboxes.lock().push(outbox.clone());
        if let Some(reason) = self.ended.get() {
            outbox.notify(ConnectionNotice::Ended(self.session, *reason));
        }
    }

    /// Returns true for the first caller, which must then submit the command that ends the session.
    pub fn try_begin_end(&self) -> bool {
        !self.ending.swap(true, Ordering::AcqRel)
    }

    /// Records that the command to end the session did not end it, so that the next caller of
    /// [`LiveSession::try_begin_end`] submits the command again.
    pub fn end_failed(&self) {
        self.ending.store(false, Ordering::Release);
    }

    /// Sends a notice to all connections of the session.
    pub fn notify_all(&self, notice: &ConnectionNotice) {
        for outbox in self.outboxes.lock().iter() {
            outbox.notify(notice.clone());
        }
    }
}

/// No connection was bound to the session since it became live on this gateway.
pub(super) const UNMONITORED: u8 = 0;

/// A connection was bound to the session, but the command log does not state so yet.
pub(super) const MONITORED: u8 = 1;

/// A connection was bound to the session, and the command log states so.
pub(super) const MONITORED_REPORTED: u8 = 2;
