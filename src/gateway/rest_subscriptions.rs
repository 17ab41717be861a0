//! Subscriptions over REST: each waits in an outbox of its own until it is asked, and ends when
//! nobody asks any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::realm::{Millis, SessionNo};
use crate::sessions::LiveSession;
use crate::subscriptions::{Outbox, SubscriptionHub};
/// One subscription that is polled.
pub struct RestSubscription {
    /// Its rows wait here.
    pub outbox: Arc<Outbox>,
    session: Arc<LiveSession>,
    last_polled: AtomicU64,
}

/// All of this gateway; the name of one is its session and SOURCE_REF.
#[derive(Default)]
pub struct RestSubscriptions {
    all: DashMap<(SessionNo, Box<str>), Arc<RestSubscription>>,
}

impl RestSubscriptions {
    /// The place of a subscription that is about to be opened; it may be there already.
    pub fn open(
        &self,
        session: &Arc<LiveSession>,
        source_ref: &str,
        bytes_max: usize,
        now: Millis,
    ) -> Arc<RestSubscription> {
        let make = || {
            Arc::new(RestSubscription {
                outbox: Outbox::new(bytes_max),
                session: session.clone(),
                last_polled: AtomicU64::new(now),
            })
        };
        self.all.entry((session.session, source_ref.into())).or_insert_with(make).clone()
    }

    /// The subscription of this name; it was asked now.
    pub fn poll(
        &self,
        session: SessionNo,
        source_ref: &str,
        now: Millis,
    ) -> Option<Arc<RestSubscription>> {
        let found = self.all.get(&(session, source_ref.into()))?.clone();
        found.last_polled.fetch_max(now, Ordering::Relaxed);
        Some(found)
    }

    /// Forgets a place without a subscription.
    pub fn remove_if_empty(&self, session: SessionNo, source_ref: &str) {
        let key = (session, source_ref.into());
        self.all.remove_if(&key, |_, poll| poll.outbox.subscriptions() == 0);
    }

    /// Ends what was not asked for `timeout_ms`, what belongs to a session that is over, and what
    /// has more waiting than may wait.
    pub fn expire(&self, hub: &SubscriptionHub, now: Millis, timeout_ms: Millis) {
        let is_due = |poll: &RestSubscription| {
            let last_polled = poll.last_polled.load(Ordering::Relaxed);
            poll.session.has_ended()
                || last_polled.saturating_add(timeout_ms) <= now
                || poll.outbox.overflows()
        };
        let mut due = Vec::new();
        self.all.retain(|_, poll| {
            let expired = is_due(poll);
            if expired {
                due.push(poll.clone());
            }
            !expired
        });
        // Outside of the map: closing takes the hub's lock.
        for poll in due {
            hub.cancel_all(&poll.outbox, None);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
