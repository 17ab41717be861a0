//! Subscriptions over REST: each has an outbox that its client polls.
//!
//! A subscription that is no longer polled is cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::realm::{Millis, SessionNo};
use crate::sessions::LiveSession;
use crate::subscriptions::{Outbox, SubscriptionHub};

/// One subscription over REST.
pub struct RestSubscription {
    /// The outbox that holds the rows of the subscription until the next poll.
    pub outbox: Arc<Outbox>,
    session: Arc<LiveSession>,
    last_polled: AtomicU64,
}

/// All REST subscriptions of this gateway, by session and SOURCE_REF.
#[derive(Default)]
pub struct RestSubscriptions {
    all: DashMap<(SessionNo, Box<str>), Arc<RestSubscription>>,
}

impl RestSubscriptions {
    /// Returns the entry of a subscription that is about to be opened; creates the entry if it is
    /// missing.
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

    /// Returns the subscription and records that it was polled now; `None` if it is not open.
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

    /// Removes the entry if its outbox has no open subscription.
    pub fn remove_if_empty(&self, session: SessionNo, source_ref: &str) {
        let key = (session, source_ref.into());
        self.all.remove_if(&key, |_, entry| entry.outbox.subscriptions() == 0);
    }

    /// Cancels subscriptions that were not polled for `timeout_ms`, whose session has ended, or
    /// whose outbox exceeds its limit.
    pub fn expire(&self, hub: &SubscriptionHub, now: Millis, timeout_ms: Millis) {
        let is_expired = |entry: &RestSubscription| {
            let last_polled = entry.last_polled.load(Ordering::Relaxed);
            entry.session.has_ended()
                || last_polled.saturating_add(timeout_ms) <= now
                || entry.outbox.overflows()
        };
        let mut removed = Vec::new();
        self.all.retain(|_, entry| {
            let expired = is_expired(entry);
            if expired {
                removed.push(entry.clone());
            }
            !expired
        });
        // Subscriptions are cancelled after the map is unlocked, because the hub takes a lock.
        for entry in removed {
            hub.cancel_all(&entry.outbox, None);
        }
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether no REST subscription has an entry.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
