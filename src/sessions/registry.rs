//! Live sessions: what this gateway knows of them beyond the log — sockets, last signs of
//! life — and the flags by which a socket learns, without a lock, that its session is over.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use parking_lot::Mutex;
use protocol::UserName;

use super::live_session::{LiveSession, MONITORED, UNMONITORED};
use crate::realm::{EndReason, Millis, Session, SessionNo, SessionUse};
use crate::subscriptions::SubscriptionQuota;
/// The live sessions of this node.
#[derive(Debug, Default)]
pub struct SessionRegistry {
    all: DashMap<SessionNo, Arc<LiveSession>>,
}

impl SessionRegistry {
    /// The live session of a session; made at first use.
    pub fn get_or_create(&self, session: &Session, name: &UserName) -> Arc<LiveSession> {
        let since = session.accessed;
        let make = || {
            Arc::new(LiveSession {
                session: session.no,
                user: session.user,
                fixed_end: AtomicU64::new(session.fixed_end.unwrap_or(Millis::MAX)),
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

    /// The live session of a session, if it has one here.
    pub fn get(&self, session: SessionNo) -> Option<Arc<LiveSession>> {
        self.all.get(&session).map(|live_session| live_session.clone())
    }

    /// How many sessions this node knows.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The session is over: no message is served for it from here on.
    pub fn end(&self, session: SessionNo, reason: EndReason) -> Option<Arc<LiveSession>> {
        let (_, live_session) = self.all.remove(&session)?;
        // It ends once; connections were notified of the first reason.
        let _ = live_session.ended.set(reason);
        // Rows that go round a socket's task must not come after the end of its session.
        live_session.outboxes.lock().iter().for_each(|outbox| outbox.disable_direct_write());
        Some(live_session)
    }

    /// The session has new tokens.
    pub fn update_tokens(&self, session: &Session) {
        if let Some(live_session) = self.get(session.no) {
            live_session.used(session.accessed);
            live_session
                .fixed_end
                .store(session.fixed_end.unwrap_or(Millis::MAX), Ordering::Release);
            live_session.token_epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Visits every live session of this gateway.
    pub fn each(&self, visit: impl Fn(&LiveSession)) {
        self.all.iter().for_each(|session| visit(&session));
    }

    /// Uses that the log does not know yet.
    pub fn unreported_use(&self) -> Vec<SessionUse> {
        let newer = |session: &LiveSession| {
            let at = session.last_used();
            let first_watch = session.monitored.load(Ordering::Relaxed) == MONITORED;
            let session_use =
                SessionUse { session: session.session, at, monitored: session.is_monitored() };
            (at > session.last_reported.load(Ordering::Relaxed) || first_watch)
                .then_some(session_use)
        };
        self.all.iter().filter_map(|session| newer(&session)).collect()
    }

    /// These uses are in the log now.
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
        assert!(!outbox.enable_direct_write(|| true), "no direct writer is set");
        outbox.set_direct_writer(Some(Arc::new(Open)));
        assert!(
            outbox.enable_direct_write(|| !live.has_ended()) && outbox.is_direct_write_enabled()
        );
        registry.end(session.no, EndReason::Logout);
        assert!(!outbox.is_direct_write_enabled(), "the end disables it");
        assert!(!outbox.enable_direct_write(|| !live.has_ended()), "it stays disabled");
    }
}
