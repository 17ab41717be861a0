//! Session timeouts: missed heartbeats, idle time, fixed expiry, and the warning before the end.
//!
//! Timeouts apply to sessions that have or had a connection. One queue holds the deadlines of all
//! sessions. The time is an argument, so that tests need no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::live_session::LiveSession;
use crate::realm::{EndReason, Millis, SessionNo};

/// Time limits of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeoutLimits {
    /// A session that was not seen for this long ends with HEARTBEAT_MISSED; `None` means never.
    pub missed_ms: Option<Millis>,
    /// A session without a fixed end that was not used for this long ends with IDLE.
    pub idle_ms: Millis,
}

/// How long before the end of a session the message SESSION_EXPIRING is sent. Before an idle
/// timeout, the message is sent only after half of the timeout has passed.
pub const WARNING_MS: Millis = 60_000;

/// An action that is due for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// End the session, unless it was used after this time.
    End(EndReason, Millis),
    /// Warn the connections of the session, which ends in this many milliseconds.
    Warn(Millis),
}

impl TimeoutLimits {
    fn idle_deadline(&self, last_used: Millis) -> Millis {
        last_used.saturating_add(self.idle_ms)
    }

    fn expiry(&self, last_used: Millis, fixed_end: Option<Millis>, max_end: Millis) -> Millis {
        fixed_end.unwrap_or_else(|| self.idle_deadline(last_used)).min(max_end)
    }

    /// Returns the action that is due at `now`; the error is the time of the next check.
    /// `fixed_end`: when the session expires regardless of use. `max_end`: when it ends even if
    /// refreshed. `warned`: whether the connections
    /// were already warned of the end.
    pub fn next_action(
        &self,
        last_seen: Millis,
        last_used: Millis,
        (fixed_end, max_end): (Option<Millis>, Millis),
        warned: bool,
        now: Millis,
    ) -> Result<Action, Millis> {
        let missed = self.missed_ms.map_or(Millis::MAX, |limit| last_seen.saturating_add(limit));
        let expiry = self.expiry(last_used, fixed_end, max_end);
        let is_fixed = fixed_end.is_some() || expiry == max_end;
        let halfway = if is_fixed { 0 } else { last_used.saturating_add(self.idle_ms / 2) };
        let warning = expiry.saturating_sub(WARNING_MS).max(halfway);
        if now >= expiry {
            return Ok(match fixed_end {
                _ if now >= max_end => Action::End(EndReason::MaxAge, Millis::MAX),
                Some(_) => Action::End(EndReason::Expired, Millis::MAX),
                None => Action::End(EndReason::Idle, last_used),
            });
        }
        if now >= missed {
            return Ok(Action::End(EndReason::HeartbeatMissed, Millis::MAX));
        }
        if now >= warning && !warned {
            return Ok(Action::Warn(expiry - now));
        }
        Err(missed.min(if warned { expiry } else { warning }))
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
    /// The expiry time that the session's connections were last warned of.
    warned: Option<Millis>,
}

/// The sessions with timeouts, and their deadlines.
#[derive(Debug, Default)]
pub struct SessionTimeouts {
    queue: Mutex<Queue>,
    /// Notified when the earliest deadline may have changed.
    pub wakeup: Notify,
}

impl SessionTimeouts {
    /// Adds a session, which is checked at once.
    pub fn add(&self, session: &Arc<LiveSession>, now: Millis) {
        let mut queue = self.queue.lock();
        let entry = Entry { session: session.clone(), warned: None };
        queue.entries.insert(session.session, entry);
        queue.deadlines.push(Reverse((now, session.session)));
        drop(queue);
        self.wakeup.notify_one();
    }

    /// Schedules an immediate check of every session, after the limits have changed.
    pub fn recheck_all(&self, now: Millis) {
        let mut queue = self.queue.lock();
        queue.deadlines = queue.entries.keys().map(|session| Reverse((now, *session))).collect();
        drop(queue);
        self.wakeup.notify_one();
    }

    /// Returns the earliest deadline; `None` if no session has timeouts.
    pub fn next(&self) -> Option<Millis> {
        self.queue.lock().deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Returns the number of sessions with timeouts.
    pub fn len(&self) -> usize {
        self.queue.lock().entries.len()
    }

    /// Whether no session has timeouts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns all actions that are due at `now`. Removes sessions that have ended, and sessions
    /// whose action is to end them.
    pub fn due_actions(
        &self,
        limits: &TimeoutLimits,
        now: Millis,
    ) -> Vec<(Arc<LiveSession>, Action)> {
        let mut actions = Vec::new();
        let mut queue = self.queue.lock();
        while let Some(Reverse((_, session))) =
            queue.deadlines.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            queue.deadlines.pop();
            let Some(entry) = queue.entries.get_mut(&session) else { continue };
            let live_session = entry.session.clone();
            let (last_used, fixed_end) = (live_session.last_used(), live_session.fixed_end());
            let max_end = live_session.max_end();
            let expiry = limits.expiry(last_used, fixed_end, max_end);
            let warned = entry.warned == Some(expiry);
            let next = limits.next_action(
                live_session.last_seen(),
                last_used,
                (fixed_end, max_end),
                warned,
                now,
            );
            let next_check = match next {
                _ if live_session.has_ended() => None,
                Ok(Action::Warn(left)) => {
                    entry.warned = Some(expiry);
                    actions.push((live_session, Action::Warn(left)));
                    Some(now)
                }
                Ok(end) => {
                    actions.push((live_session, end));
                    None
                }
                Err(later) => Some(later),
            };
            match next_check {
                Some(at) => queue.deadlines.push(Reverse((at, session))),
                None => drop(queue.entries.remove(&session)),
            }
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TimeoutLimits = TimeoutLimits { missed_ms: Some(90_000), idle_ms: 1_800_000 };
    const NO_END: (Option<Millis>, Millis) = (None, Millis::MAX);

    #[test]
    fn a_session_ends_after_its_missed_heartbeats_and_not_a_millisecond_earlier() {
        assert_eq!(LIMITS.next_action(1_000, 1_000, NO_END, false, 90_999), Err(91_000));
        let missed = Action::End(EndReason::HeartbeatMissed, Millis::MAX);
        assert_eq!(LIMITS.next_action(1_000, 1_000, NO_END, false, 91_000), Ok(missed));
        let off = TimeoutLimits { missed_ms: None, ..LIMITS };
        assert_eq!(off.next_action(1_000, 1_000, NO_END, false, 91_000), Err(1_741_000));
    }

    #[test]
    fn a_session_is_warned_once_and_ends_on_time() {
        let last_seen = Millis::MAX / 2;
        assert_eq!(LIMITS.next_action(last_seen, 0, NO_END, false, 1_739_999), Err(1_740_000));
        assert_eq!(
            LIMITS.next_action(last_seen, 0, NO_END, false, 1_740_000),
            Ok(Action::Warn(60_000))
        );
        assert_eq!(LIMITS.next_action(last_seen, 0, NO_END, true, 1_799_999), Err(1_800_000));
        assert_eq!(
            LIMITS.next_action(last_seen, 0, NO_END, true, 1_800_000),
            Ok(Action::End(EndReason::Idle, 0))
        );
    }

    #[test]
    fn a_fixed_end_does_not_depend_on_use() {
        let check = |last_used, warned, now| {
            LIMITS.next_action(now, last_used, (Some(90_000), Millis::MAX), warned, now)
        };
        assert_eq!(check(29_000, false, 29_999), Err(30_000));
        assert_eq!(check(30_000, false, 30_000), Ok(Action::Warn(60_000)));
        assert_eq!(check(89_999, true, 89_999), Err(90_000));
        let expired = Action::End(EndReason::Expired, Millis::MAX);
        assert_eq!(check(90_000, true, 90_000), Ok(expired));
    }

    #[test]
    fn a_maximum_age_ends_a_session_whatever_its_use() {
        let end = (None, 100_000);
        assert_eq!(LIMITS.next_action(39_000, 39_000, end, false, 39_999), Err(40_000));
        let warning = Ok(Action::Warn(60_000));
        assert_eq!(LIMITS.next_action(40_000, 40_000, end, false, 40_000), warning);
        let ended = Ok(Action::End(EndReason::MaxAge, Millis::MAX));
        assert_eq!(LIMITS.next_action(100_000, 100_000, end, true, 100_000), ended);
        let expires_first = (Some(90_000), 100_000);
        assert_eq!(LIMITS.next_action(89_000, 89_000, expires_first, true, 89_999), Err(90_000));
    }
}
