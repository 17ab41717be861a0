//! The watch over sessions that have or had a socket: missed heartbeats, idle time and the warning
//! before it. Time is an argument; one queue of deadlines serves all sessions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::live_session::LiveSession;
use crate::realm::{EndReason, Millis, SessionNo};
/// The limits that end a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeoutLimits {
    /// This long without a sign of life: HEARTBEAT_MISSED. None: never.
    pub missed_ms: Option<Millis>,
    /// This long without use: IDLE.
    pub idle_ms: Millis,
}

/// SESSION_EXPIRING goes out this long before the idle end.
pub const WARNING_MS: Millis = 60_000;

/// What is due for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is to end; left alone if used after the time given.
    End(EndReason, Millis),
    /// Its sockets are to be warned.
    Warn(Millis),
}

impl TimeoutLimits {
    fn deadline(&self, last_used: Millis) -> Millis {
        last_used.saturating_add(self.idle_ms)
    }

    /// What is due at `now`, else when to look again. `fixed_end`: when it ends whatever its use.
    pub fn next_action(
        &self,
        last_seen: Millis,
        last_used: Millis,
        fixed_end: Option<Millis>,
        warned: bool,
        now: Millis,
    ) -> Result<Action, Millis> {
        let missed = self.missed_ms.map_or(Millis::MAX, |limit| last_seen.saturating_add(limit));
        let idle = fixed_end.unwrap_or_else(|| self.deadline(last_used));
        let halfway =
            if fixed_end.is_some() { 0 } else { last_used.saturating_add(self.idle_ms / 2) };
        let warning = idle.saturating_sub(WARNING_MS).max(halfway);
        if now >= idle {
            return Ok(match fixed_end {
                Some(_) => Action::End(EndReason::Expired, Millis::MAX),
                None => Action::End(EndReason::Idle, last_used),
            });
        }
        if now >= missed {
            return Ok(Action::End(EndReason::HeartbeatMissed, Millis::MAX));
        }
        if now >= warning && !warned {
            return Ok(Action::Warn(idle - now));
        }
        Err(missed.min(if warned { idle } else { warning }))
    }
}

#[derive(Debug, Default)]
struct Queue {
    deadlines: BinaryHeap<Reverse<(Millis, SessionNo)>>,
    entries: BTreeMap<SessionNo, Entry>,
}

#[derive(Debug)]
struct Entry {
    session: Arc<LiveSession>,
    /// For which end the warning went out.
    warned: Option<Millis>,
}

/// The sessions under watch.
#[derive(Debug, Default)]
pub struct SessionTimeouts {
    queue: Mutex<Queue>,
    /// Told when the first deadline may have come nearer.
    pub wakeup: Notify,
}

impl SessionTimeouts {
    /// Begins to watch a session.
    pub fn add(&self, session: &Arc<LiveSession>, now: Millis) {
        let mut queue = self.queue.lock();
        let entry = Entry { session: session.clone(), warned: None };
        queue.entries.insert(session.session, entry);
        queue.deadlines.push(Reverse((now, session.session)));
        drop(queue);
        self.wakeup.notify_one();
    }

    /// Looks at every session again: the limits are others.
    pub fn recheck_all(&self, now: Millis) {
        let mut queue = self.queue.lock();
        queue.deadlines = queue.entries.keys().map(|session| Reverse((now, *session))).collect();
        drop(queue);
        self.wakeup.notify_one();
    }

    /// When something may be due next.
    pub fn next(&self) -> Option<Millis> {
        self.queue.lock().deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// How many sessions are watched.
    pub fn len(&self) -> usize {
        self.queue.lock().entries.len()
    }

    /// Whether none is watched.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything that is due at `now`. A session to be ended is no longer watched.
    pub fn due_actions(
        &self,
        limits: &TimeoutLimits,
        now: Millis,
    ) -> Vec<(Arc<LiveSession>, Action)> {
        let mut found = Vec::new();
        let mut queue = self.queue.lock();
        while let Some(Reverse((_, session))) =
            queue.deadlines.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            queue.deadlines.pop();
            let Some(entry) = queue.entries.get_mut(&session) else { continue };
            let live_session = entry.session.clone();
            let (last_used, fixed_end) = (live_session.last_used(), live_session.fixed_end());
            let until = fixed_end.unwrap_or_else(|| limits.deadline(last_used));
            let warned = entry.warned == Some(until);
            let next =
                limits.next_action(live_session.last_seen(), last_used, fixed_end, warned, now);
            let again = match next {
                _ if live_session.has_ended() => None,
                Ok(Action::Warn(left)) => {
                    entry.warned = Some(until);
                    found.push((live_session, Action::Warn(left)));
                    Some(now)
                }
                Ok(end) => {
                    found.push((live_session, end));
                    None
                }
                Err(later) => Some(later),
            };
            match again {
                Some(at) => queue.deadlines.push(Reverse((at, session))),
                None => drop(queue.entries.remove(&session)),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TimeoutLimits = TimeoutLimits { missed_ms: Some(90_000), idle_ms: 1_800_000 };

    #[test]
    fn a_session_lives_to_the_last_millisecond_of_its_misses() {
        assert_eq!(LIMITS.next_action(1_000, 1_000, None, false, 90_999), Err(91_000));
        let missed = Action::End(EndReason::HeartbeatMissed, Millis::MAX);
        assert_eq!(LIMITS.next_action(1_000, 1_000, None, false, 91_000), Ok(missed));
        let off = TimeoutLimits { missed_ms: None, ..LIMITS };
        assert_eq!(off.next_action(1_000, 1_000, None, false, 91_000), Err(1_741_000));
    }

    #[test]
    fn a_session_is_warned_once_and_ends_on_time() {
        let last_seen = Millis::MAX / 2;
        assert_eq!(LIMITS.next_action(last_seen, 0, None, false, 1_739_999), Err(1_740_000));
        assert_eq!(
            LIMITS.next_action(last_seen, 0, None, false, 1_740_000),
            Ok(Action::Warn(60_000))
        );
        assert_eq!(LIMITS.next_action(last_seen, 0, None, true, 1_799_999), Err(1_800_000));
        assert_eq!(
            LIMITS.next_action(last_seen, 0, None, true, 1_800_000),
            Ok(Action::End(EndReason::Idle, 0))
        );
    }

    #[test]
    fn a_fixed_end_comes_whatever_the_use() {
        let look =
            |last_used, warned, now| LIMITS.next_action(now, last_used, Some(90_000), warned, now);
        assert_eq!(look(29_000, false, 29_999), Err(30_000));
        assert_eq!(look(30_000, false, 30_000), Ok(Action::Warn(60_000)));
        assert_eq!(look(89_999, true, 89_999), Err(90_000));
        let expired = Action::End(EndReason::Expired, Millis::MAX);
        assert_eq!(look(90_000, true, 90_000), Ok(expired));
    }
}
