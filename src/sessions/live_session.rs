//! One live session of this gateway.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use protocol::UserName;

use crate::realm::{EndReason, Millis, SessionNo, UserNo};
use crate::subscriptions::{ConnectionNotice, Outbox, SubscriptionQuota};
/// One session as this node sees it. Sockets bound to it hold an `Arc`. What every message looks at
/// comes first and lies together: with many sessions each cache line is fetched again.
#[derive(Debug)]
#[repr(C)]
pub struct LiveSession {
    /// The last sign of life of any of its sockets.
    pub(super) last_seen: AtomicU64,
    /// The last message that counts as use.
    pub(super) last_used: AtomicU64,
    /// Grows when the session's tokens change: what a socket remembers of them is then stale.
    pub(super) token_epoch: AtomicU32,
    pub(super) ended: OnceLock<EndReason>,
    /// Whether a command that ends it is on its way.
    pub(super) ending: AtomicBool,
    /// Whether a socket was ever bound to it; whether the log knows.
    pub(super) monitored: AtomicU8,
    /// Whose.
    pub user: UserNo,
    /// Which session.
    pub session: SessionNo,
    /// The user's name.
    pub user_name: UserName,
    /// The places of its subscriptions, over all its connections.
    pub quota: SubscriptionQuota,
    /// The newest touch that the log knows.
    pub(super) last_reported: AtomicU64,
    /// When it ends whatever its use; `Millis::MAX`: it idles out.
    pub(super) fixed_end: AtomicU64,
    pub(super) outboxes: Mutex<Vec<Arc<Outbox>>>,
}

impl LiveSession {
    /// Whether the session is over. Set before the command that ended it is answered.
    pub fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// See [`LiveSession::token_epoch`]'s field: compare for equality only.
    pub fn token_epoch(&self) -> u32 {
        self.token_epoch.load(Ordering::Acquire)
    }

    /// A message that counts as use was served.
    pub fn used(&self, now: Millis) {
        self.last_used.fetch_max(now, Ordering::Relaxed);
    }

    /// A socket gave a sign of life.
    pub fn seen(&self, now: Millis) {
        self.last_seen.fetch_max(now, Ordering::Relaxed);
    }

    /// The newest use that this node knows.
    pub fn last_used(&self) -> Millis {
        self.last_used.load(Ordering::Relaxed)
    }

    /// The newest sign of life.
    pub fn last_seen(&self) -> Millis {
        self.last_seen.load(Ordering::Relaxed)
    }

    /// When it ends, however much it is used; none: it idles out.
    pub fn fixed_end(&self) -> Option<Millis> {
        Some(self.fixed_end.load(Ordering::Acquire)).filter(|end| *end != Millis::MAX)
    }

    /// Whether missed heartbeats end it: it had a socket once.
    pub fn is_monitored(&self) -> bool {
        self.monitored.load(Ordering::Relaxed) != UNMONITORED
    }

    /// Binds a connection, which is notified of the session's end from now on; at once if the
    /// session has ended already. True if the session was not monitored before.
    pub fn bind(&self, outbox: &Arc<Outbox>, now: Millis) -> bool {
        self.seen(now);
        self.add_outbox(outbox);
        self.monitored
            .compare_exchange(UNMONITORED, MONITORED, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Removes a connection: it is not notified any more.
    pub fn unbind(&self, outbox: &Arc<Outbox>) {
        self.outboxes.lock().retain(|other| !Arc::ptr_eq(other, outbox));
    }

    /// The command log knows that missed heartbeats end the session.
    pub fn mark_monitored(&self) {
        self.monitored.store(MONITORED_REPORTED, Ordering::Relaxed);
    }

    /// Adds a connection that is bound to another session and must be notified of the end of this.
    pub fn add_outbox(&self, outbox: &Arc<Outbox>) {
        self.outboxes.lock().push(outbox.clone());
        if let Some(reason) = self.ended.get() {
            outbox.notify(ConnectionNotice::Ended(self.session, *reason));
        }
    }

    /// True for the first caller, which is then to end the session.
    pub fn try_begin_end(&self) -> bool {
        !self.ending.swap(true, Ordering::AcqRel)
    }

    /// The command that should have ended it did not.
    pub fn end_failed(&self) {
        self.ending.store(false, Ordering::Release);
    }

    /// Notifies all its connections.
    pub fn notify_all(&self, notice: &ConnectionNotice) {
        for outbox in self.outboxes.lock().iter() {
            outbox.notify(notice.clone());
        }
    }
}

pub(super) const UNMONITORED: u8 = 0;

pub(super) const MONITORED: u8 = 1;

pub(super) const MONITORED_REPORTED: u8 = 2;
