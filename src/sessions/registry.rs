//! Registry of the live sessions of this gateway.
//!
//! The registry holds what is not in the command log: connections, last-seen times and flags. A
//! connection reads the flags, without a lock, to detect that its session has ended.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use parking_lot::Mutex;
use protocol::UserName;

use super::live_session::{LiveSession, MONITORED, UNMONITORED};
use crate::realm::{EndReason, Millis, Session, SessionNo, SessionUse};
use crate::subscriptions::SubscriptionQuota;

/// The live sessions of this gateway.
#[derive(Debug, Default)]
pub struct SessionRegistry {
    all: DashMap<SessionNo, Arc<LiveSession>>,
}

impl SessionRegistry {
    /// Returns the [`LiveSession`] of a session; creates one if the registry has none.
    pub fn get_or_create(&self, session: &Session, name: &UserName) -> Arc<LiveSession> {
        let since = session.accessed;
        let make = || {
            Arc::new(LiveSession {
                session: session.no,
                user: session.user,
                fixed_end: AtomicU64::new(session.fixed_end.unwrap_or(Millis::MAX)),
                max_end: AtomicU64::new(session.max_end.unwrap_or(Millis::MAX)),
                user_name: name.clone(),
                ended: OnceLock::new(),
                ending: AtomicBool::new(false),
                quota: SubscriptionQuota::default(),
                token_epoch: AtomicU32::new(0),
                last_used: AtomicU64::new(since),
                last_reported: AtomicU64::new(since),
                last_seen: AtomicU64::new(since),
                monitored: AtomicU8::new(UNMONITORED),
                outboxes: Mutex::default(),
            })
        };
        self.all.entry(session.no).or_insert_with(make).clone()
    }

    /// Returns the [`LiveSession`] of a session; `None` if the session is not live on this gateway.
    pub fn get(&self, session: SessionNo) -> Option<Arc<LiveSession>> {
        self.all.get(&session).map(|live_session| live_session.clone())
    }

    /// Returns the number of live sessions.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether no session is live.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Ends a live session: from now on no message is served for it. Returns the live session;
    /// `None` if the session is not live on this gateway.
    pub fn end(&self, session: SessionNo, reason: EndReason) -> Option<Arc<LiveSession>> {
        let (_, live_session) = self.all.remove(&session)?;
        // A reason that is already set stays, because connections were already notified of that
        // reason.
        let _ = live_session.ended.set(reason);
        // No direct write may follow the notice that the session has ended.
        live_session.outboxes.lock().iter().for_each(|outbox| outbox.disable_direct_write());
        Some(live_session)
    }

    /// Updates the times of a session whose row changed, and invalidates caches of its tokens: the
    /// change may have replaced them.
    pub fn update_tokens(&self, session: &Session) {
        if let Some(live_session) = self.get(session.no) {
            live_session.used(session.accessed);
            live_session
                .fixed_end
                .store(session.fixed_end.unwrap_or(Millis::MAX), Ordering::Release);
            live_session.max_end.store(session.max_end.unwrap_or(Millis::MAX), Ordering::Release);
            live_session.token_epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Visits every live session of this gateway.
    pub fn each(&self, visit: impl Fn(&LiveSession)) {
        self.all.iter().for_each(|session| visit(&session));
    }

    /// Returns the use of each session whose last use or first connection is not in the command log
    /// yet.
    pub fn unreported_use(&self) -> Vec<SessionUse> {
        let unreported = |session: &LiveSession| {
            let at = session.last_used();
            let newly_monitored = session.monitored.load(Ordering::Relaxed) == MONITORED;
            let session_use =
                SessionUse { session: session.session, at, monitored: session.is_monitored() };
            (at > session.last_reported.load(Ordering::Relaxed) || newly_monitored)
                .then_some(session_use)
        };
        self.all.iter().filter_map(|session| unreported(&session)).collect()
    }

    /// Records that these uses are in the command log.
    pub fn mark_reported(&self, session_uses: &[SessionUse]) {
        for session_use in session_uses {
            if let Some(session) = self.get(session_use.session) {
                session.last_reported.fetch_max(session_use.at, Ordering::Relaxed);
                if session_use.monitored {
                    session.mark_monitored();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subscriptions::{DirectWriter, Outbox};

    #[derive(Debug)]
    struct Open;

    impl DirectWriter for Open {
        fn write_frame(
            &self,
            out: &mut Vec<u8>,
            make: &mut dyn FnMut(&mut Vec<u8>) -> bool,
        ) -> bool {
            make(out)
        }

        fn try_send(&self, frames: &[u8]) -> usize {
            frames.len()
        }
    }

    #[test]
    fn an_ended_session_enables_no_direct_write() {
        let registry = SessionRegistry::default();
        let session: Session = serde_json::from_value(json!({
            "no": 1, "id": "4278b0d2-ce36-44e4-97d1-774b04307d42", "user": 1, "host": "h",
            "token": "00".repeat(32), "refresh": "11".repeat(32),
            "opened": 0, "accessed": 0, "refresh_until": 0,
        }))
        .unwrap();
        let live = registry.get_or_create(&session, &UserName::parse("jane").unwrap());
        let outbox = Outbox::new(1);
        live.bind(&outbox, 0);
        assert!(!outbox.enable_direct_write(|| true), "direct writes are enabled without a writer");
        outbox.set_direct_writer(Some(Arc::new(Open)));
        assert!(
            outbox.enable_direct_write(|| !live.has_ended()) && outbox.is_direct_write_enabled()
        );
        registry.end(session.no, EndReason::Logout);
        assert!(!outbox.is_direct_write_enabled(), "direct writes are enabled after the end");
        assert!(
            !outbox.enable_direct_write(|| !live.has_ended()),
            "direct writes are enabled again after the end"
        );
    }
}
