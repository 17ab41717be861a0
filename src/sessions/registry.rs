//! Presence: what this node knows of a session beyond the log — its sockets, its last signs of
//! life — and the flags by which a socket learns, without a lock, that its session is over.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use parking_lot::Mutex;
use protocol::UserName;

use crate::realm::command::commands::Touched;
use crate::realm::model::end_reason::EndReason;
use crate::realm::model::ids::Millis;
use crate::realm::model::ids::{SessionNo, UserNo};
use crate::realm::model::session::Session;
use crate::subscriptions::outbox::{Notice, Outbox};
use crate::subscriptions::quota::Quota;

/// One session as this node sees it. Sockets bound to it hold an `Arc`. What every message looks at
/// comes first and lies together: among many sessions each line of the cache is fetched anew.
#[derive(Debug)]
#[repr(C)]
pub struct Presence {
    /// The last sign of life of any of its sockets.
    alive: AtomicU64,
    /// The last message that counts as use.
    touched: AtomicU64,
    /// Grows when the session's tokens change: what a socket remembers of them is then stale.
    epoch: AtomicU32,
    ended: OnceLock<EndReason>,
    /// Whether a command that ends it is on its way.
    ending: AtomicBool,
    /// Whether a socket was ever bound to it; whether the log knows.
    watched: AtomicU8,
    /// Whose.
    pub user: UserNo,
    /// Which session.
    pub session: SessionNo,
    /// The user's name.
    pub user_name: UserName,
    /// The places of its subscriptions, over all its connections.
    pub quota: Quota,
    /// The newest touch that the log knows.
    logged: AtomicU64,
    /// When it ends whatever its use; `Millis::MAX`: it idles out.
    ends: AtomicU64,
    outboxes: Mutex<Vec<Arc<Outbox>>>,
}

const UNWATCHED: u8 = 0;
const WATCHED: u8 = 1;
const WATCHED_LOGGED: u8 = 2;

impl Presence {
    /// Whether the session is over. Set before the command that ended it is answered.
    pub fn is_over(&self) -> bool {
        self.ended.get().is_some()
    }

    /// See [`Presence::epoch`]'s field: compare for equality only.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// A message that counts as use was served.
    pub fn touch(&self, now: Millis) {
        self.touched.fetch_max(now, Ordering::Relaxed);
    }

    /// A socket gave a sign of life.
    pub fn live(&self, now: Millis) {
        self.alive.fetch_max(now, Ordering::Relaxed);
    }

    /// The newest use that this node knows.
    pub fn touched(&self) -> Millis {
        self.touched.load(Ordering::Relaxed)
    }

    /// The newest sign of life.
    pub fn alive(&self) -> Millis {
        self.alive.load(Ordering::Relaxed)
    }

    /// When it ends, however much it is used; none: it idles out.
    pub fn ends(&self) -> Option<Millis> {
        Some(self.ends.load(Ordering::Acquire)).filter(|ends| *ends != Millis::MAX)
    }

    /// Whether missed heartbeats end it: it had a socket once.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed) != UNWATCHED
    }

    /// A socket that is bound elsewhere wants to hear of its end.
    pub fn listen(&self, outbox: &Arc<Outbox>) {
        self.outboxes.lock().push(outbox.clone());
        if let Some(reason) = self.ended.get() {
            outbox.notify(Notice::Ended(self.session, *reason));
        }
    }

    /// Whether nobody else is about to end it: the first who asks is to do it.
    pub fn begin_end(&self) -> bool {
        !self.ending.swap(true, Ordering::AcqRel)
    }

    /// The command that should have ended it did not.
    pub fn end_failed(&self) {
        self.ending.store(false, Ordering::Release);
    }

    /// Tells all its sockets.
    pub fn tell(&self, notice: &Notice) {
        for outbox in self.outboxes.lock().iter() {
            outbox.notify(notice.clone());
        }
    }
}

/// The presences of this node.
#[derive(Debug, Default)]
pub struct Presences {
    all: DashMap<SessionNo, Arc<Presence>>,
}

impl Presences {
    /// The presence of a session; made at first use.
    pub fn of(&self, session: &Session, name: &UserName) -> Arc<Presence> {
        let since = session.accessed;
        let make = || {
            Arc::new(Presence {
                session: session.no,
                user: session.user,
                ends: AtomicU64::new(session.ends.unwrap_or(Millis::MAX)),
                user_name: name.clone(),
                ended: OnceLock::new(),
                ending: AtomicBool::new(false),
                quota: Quota::default(),
                epoch: AtomicU32::new(0),
                touched: AtomicU64::new(since),
                logged: AtomicU64::new(since),
                alive: AtomicU64::new(since),
                watched: AtomicU8::new(UNWATCHED),
                outboxes: Mutex::default(),
            })
        };
        self.all.entry(session.no).or_insert_with(make).clone()
    }

    /// The presence of a session, if it has one here.
    pub fn get(&self, session: SessionNo) -> Option<Arc<Presence>> {
        self.all.get(&session).map(|presence| presence.clone())
    }

    /// How many sessions this node knows.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Binds a socket: from now on it hears of the session's end. A session that ended in between
    /// is told at once. True when the session was not watched before.
    pub fn bind(&self, presence: &Presence, outbox: &Arc<Outbox>, now: Millis) -> bool {
        presence.live(now);
        presence.listen(outbox);
        presence
            .watched
            .compare_exchange(UNWATCHED, WATCHED, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Takes a socket away again.
    pub fn unbind(&self, presence: &Presence, outbox: &Arc<Outbox>) {
        presence.outboxes.lock().retain(|other| !Arc::ptr_eq(other, outbox));
    }

    /// A session that the log already knows as watched.
    pub fn watched(&self, presence: &Presence) {
        presence.watched.store(WATCHED_LOGGED, Ordering::Relaxed);
    }

    /// The session is over: no message is served for it from here on.
    pub fn end(&self, session: SessionNo, reason: EndReason) -> Option<Arc<Presence>> {
        let (_, presence) = self.all.remove(&session)?;
        // It ends once; a second reason would come too late for whoever was told the first.
        let _ = presence.ended.set(reason);
        // Rows that go round a socket's task must not come after the end of its session.
        presence.outboxes.lock().iter().for_each(|outbox| outbox.withhold());
        Some(presence)
    }

    /// The session has new tokens.
    pub fn renew(&self, session: &Session) {
        if let Some(presence) = self.get(session.no) {
            presence.touch(session.accessed);
            presence.ends.store(session.ends.unwrap_or(Millis::MAX), Ordering::Release);
            presence.epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Visits every presence of this node.
    pub fn each(&self, visit: impl Fn(&Presence)) {
        self.all.iter().for_each(|presence| visit(&presence));
    }

    /// Uses that the log does not know yet.
    pub fn unlogged(&self) -> Vec<Touched> {
        let newer = |presence: &Presence| {
            let at = presence.touched();
            let first_watch = presence.watched.load(Ordering::Relaxed) == WATCHED;
            let touched = Touched { session: presence.session, at, watched: presence.is_watched() };
            (at > presence.logged.load(Ordering::Relaxed) || first_watch).then_some(touched)
        };
        self.all.iter().filter_map(|presence| newer(&presence)).collect()
    }

    /// These uses are in the log now.
    pub fn logged(&self, touched: &[Touched]) {
        for touch in touched {
            if let Some(presence) = self.get(touch.session) {
                presence.logged.fetch_max(touch.at, Ordering::Relaxed);
                if touch.watched {
                    presence.watched.store(WATCHED_LOGGED, Ordering::Relaxed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::subscriptions::outbox::Line;

    #[derive(Debug)]
    struct Open;

    impl Line for Open {
        fn frame(&self, out: &mut Vec<u8>, make: &mut dyn FnMut(&mut Vec<u8>) -> bool) -> bool {
            make(out)
        }

        fn send(&self, frames: &[u8]) -> usize {
            frames.len()
        }
    }

    #[test]
    fn who_ended_lends_no_line() {
        let presences = Presences::default();
        let session: Session = serde_json::from_value(json!({
            "no": 1, "id": "4278b0d2-ce36-44e4-97d1-774b04307d42", "user": 1, "host": "h",
            "token": "00".repeat(32), "refresh": "11".repeat(32),
            "opened": 0, "accessed": 0, "refresh_until": 0,
        }))
        .unwrap();
        let presence = presences.of(&session, &UserName::parse("jane").unwrap());
        let outbox = Outbox::new(1);
        presences.bind(&presence, &outbox, 0);
        assert!(!outbox.lend(|| true), "there is no line");
        outbox.connect(Some(Arc::new(Open)));
        assert!(outbox.lend(|| !presence.is_over()) && outbox.is_lent());
        presences.end(session.no, EndReason::Logout);
        assert!(!outbox.is_lent(), "it is withheld with the end");
        assert!(!outbox.lend(|| !presence.is_over()), "and lent no more");
    }
}
