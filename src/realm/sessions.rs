//! Sessions: opened by a login, renewed by a refresh, ended with a reason; some sleep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use protocol::UserName;
use serde::{Deserialize, Serialize};

use super::command::{End, Login, Pair, Refresh, Touched, Verdict};
use super::ids::{SessionNo, UserNo};
use super::outcome::{Applied, EndReason, Ended, LoggedIn, Outcome, Refusal, SessionShown};
use super::policy::{Policy, WhenFull};
use super::row::{Change, Key, Retired, Row};
use super::users::{User, UserStatus};
use super::{Millis, Realm};

/// SHA-256 of a token: the only form in which tokens are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

impl Serialize for TokenHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let hex: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        serializer.serialize_str(&hex)
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("not a token hash");
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(wrong());
        }
        for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// SESSION_ID: a capability to end the session, shown to few. A UUID v4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub uuid::Uuid);

/// One session of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its number: stable over refreshes.
    pub no: SessionNo,
    /// SESSION_ID, new with every refresh.
    pub id: SessionId,
    /// Whose.
    pub user: UserNo,
    /// From where.
    pub host: Box<str>,
    /// The hash of the token that is the session.
    pub token: TokenHash,
    /// The hash of the token that renews it.
    pub refresh: TokenHash,
    /// LOGIN_TIME.
    pub opened: Millis,
    /// LAST_ACCESS_TIME as far as the log knows; the node knows newer.
    pub accessed: Millis,
    /// Until when the refresh token is good.
    pub refresh_until: Millis,
    /// Whether a socket was ever bound to it: then its heartbeats are watched.
    #[serde(default)]
    pub watched: bool,
    /// Ended, but its refresh token can wake it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dormant: Option<EndReason>,
    /// The pair before the last refresh, answered for a moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Box<Previous>>,
}

/// What a refresh replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    /// The old session token still speaks for the session until then.
    pub token: TokenHash,
    /// Whoever brings the old refresh token until then gets `sealed`.
    pub refresh: TokenHash,
    /// The new pair, sealed under the old refresh token.
    pub sealed: Vec<u8>,
    /// The end of the grace.
    pub until: Millis,
}

impl Session {
    /// Whether messages may be served for it, as far as the log knows.
    pub fn is_live(&self, at: Millis, policy: &Policy) -> bool {
        self.dormant.is_none() && at < self.due(policy)
    }

    /// When the sweep may end it: idle plus two batches of touches that may be on their way.
    fn due(&self, policy: &Policy) -> Millis {
        self.accessed.saturating_add(policy.idle_ms).saturating_add(2 * policy.touch_ms)
    }
}

/// Dormant sessions that one user may leave behind.
const DORMANT_MAX: usize = 100;
/// Sessions that one sweep ends at most; the next one goes on.
const SWEEP_MAX: usize = 512;
/// Used refresh tokens of one session that are remembered.
const RETIRED_MAX: usize = 256;

impl Realm {
    /// The session of this number, live or dormant.
    pub fn session(&self, no: SessionNo) -> Option<&Session> {
        self.sessions.get(&no)
    }

    /// The live session that a token speaks for: its own, or during the grace its former one.
    pub fn session_by_token(&self, at: Millis, token: &TokenHash) -> Option<&Session> {
        let session = self.sessions.get(self.tokens.get(token)?)?;
        let current = session.token == *token;
        let in_grace =
            || session.previous.as_ref().is_some_and(|it| it.token == *token && at < it.until);
        (session.dormant.is_none() && (current || in_grace())).then_some(session)
    }

    /// The user of the session to which a refresh token belongs, or belonged before it was used.
    pub fn user_by_refresh(&self, refresh: &TokenHash) -> Option<&User> {
        let retired = || self.retired.get(refresh).map(|retired| &retired.session);
        let session = self.sessions.get(self.refreshes.get(refresh).or_else(retired)?)?;
        self.users.get(&session.user)
    }

    /// The session with this SESSION_ID.
    pub fn session_by_id(&self, id: &SessionId) -> Option<&Session> {
        self.sessions.get(self.session_ids.get(id)?)
    }

    /// All sessions, by number, from the one after `after`.
    pub fn sessions_after(&self, after: Option<SessionNo>) -> impl Iterator<Item = &Session> {
        let from = SessionNo(after.map_or(0, |no| no.0.saturating_add(1)));
        self.sessions.range(from..).map(|(_, session)| session)
    }

    /// The sessions of a user, oldest first.
    pub fn sessions_of(&self, user: UserNo) -> impl Iterator<Item = &Session> {
        let range = (user, SessionNo(0))..=(user, SessionNo(u64::MAX));
        self.user_sessions.range(range).filter_map(|(_, no)| self.sessions.get(no))
    }

    pub(super) fn login(&self, at: Millis, login: &Login) -> Applied {
        let name = &login.user_name;
        if let Some(until) = self.locked_until(at, name) {
            return Applied::refused(Refusal::Locked { until: Some(until) });
        }
        let Some(user) = self.user_by_name(name) else {
            if !self.policy.uniform {
                return Applied::refused(Refusal::UnknownAccount);
            }
            let (refusal, changes) = self.count_wrong(at, name);
            return Applied::done(Outcome::Refused(refusal), changes);
        };
        let credential = user.credential.as_deref().map(super::command::Fingerprint::of);
        if credential != login.checked {
            return Applied::refused(Refusal::StaleCredential);
        }
        if login.verdict == Verdict::Wrong || credential.is_none() {
            let (refusal, changes) = self.count_wrong(at, name);
            return Applied::done(Outcome::Refused(refusal), changes);
        }
        let mut steps = Steps::default();
        let admitted =
            self.status_admits(user).and_then(|()| self.make_room(at, user, None, &mut steps));
        if let Err(refusal) = admitted {
            return Applied::done(Outcome::Refused(refusal), self.count_rejected(at, &user.name));
        }
        let attempts = self.attempts.get(name).cloned().unwrap_or_default();
        let session = self.open(at, user, login, &mut steps);
        if self.attempts.contains_key(name) {
            steps.changes.push(Change::Delete(Key::Attempts(name.clone())));
        }
        let logged_in = LoggedIn {
            session,
            user: user.no,
            failed: attempts.failed,
            rejected: attempts.rejected,
            last_login: user.last_login,
        };
        steps.applied(Outcome::LoggedIn(logged_in))
    }

    /// What a login and the waking of a dormant session ask of the user's status.
    fn status_admits(&self, user: &User) -> Result<(), Refusal> {
        match user.status {
            UserStatus::Enabled => Ok(()),
            UserStatus::Disabled => Err(Refusal::Locked { until: None }),
            UserStatus::PasswordExpired | UserStatus::PasswordReset => {
                Err(Refusal::MustChange(user.status))
            }
        }
    }

    fn open(&self, at: Millis, user: &User, login: &Login, steps: &mut Steps) -> SessionNo {
        let mut counters = self.counters.clone();
        counters.sessions += 1;
        let session = Session {
            no: SessionNo(counters.sessions),
            id: login.pair.id,
            user: user.no,
            host: login.host.as_str().into(),
            token: login.pair.token,
            refresh: login.pair.refresh,
            opened: at,
            accessed: at,
            refresh_until: at + self.policy.refresh_ms,
            watched: login.watched,
            dormant: None,
            previous: None,
        };
        let no = session.no;
        let user = User { last_login: Some(at), ..user.clone() };
        steps.put(Row::Counters(counters));
        steps.put(Row::User(user));
        steps.put(Row::Session(session));
        no
    }

    /// Makes sure that one more live session of the user is allowed, after the due ones ended; the
    /// one that is being woken does not end, due or not.
    fn make_room(
        &self,
        at: Millis,
        user: &User,
        woken: Option<SessionNo>,
        steps: &mut Steps,
    ) -> Result<(), Refusal> {
        let Some(max) = self.policy.sessions_max else { return Ok(()) };
        let (mut live, mut due) = (Vec::new(), Vec::new());
        let awake = |it: &&Session| it.dormant.is_none() && Some(it.no) != woken;
        for session in self.sessions_of(user.no).filter(awake) {
            if session.is_live(at, &self.policy) { live.push(session) } else { due.push(session) }
        }
        due.into_iter().for_each(|session| self.end_session(session, EndReason::Idle, steps));
        let over = (live.len() + 1).saturating_sub(max as usize);
        if over > 0 && self.policy.when_full == WhenFull::Refuse {
            *steps = Steps::default();
            return Err(Refusal::SessionsFull(live.into_iter().map(shown).collect()));
        }
        live.sort_by_key(|session| session.opened);
        live.iter()
            .take(over)
            .for_each(|session| self.end_session(session, EndReason::Evicted, steps));
        Ok(())
    }

    /// Ends a session in the way its reason says: asleep, or gone with all its tokens.
    pub(super) fn end_session(&self, session: &Session, reason: EndReason, steps: &mut Steps) {
        if session.dormant.is_none() {
            steps.ended.push(Ended { session: session.no, user: session.user, reason });
        }
        if !reason.keeps_refresh() {
            return self.forget_session(session, steps);
        }
        let asleep = Session { dormant: Some(reason), previous: None, ..session.clone() };
        steps.put(Row::Session(asleep));
        steps.asleep.insert(session.no);
        // One step can put many to sleep: what it did so far counts.
        let sleeping = |it: &&Session| {
            (it.dormant.is_some() || steps.asleep.contains(&it.no)) && !steps.left.contains(&it.no)
        };
        let sleeping: Vec<_> = self.sessions_of(session.user).filter(sleeping).collect();
        let over = sleeping.len().saturating_sub(DORMANT_MAX);
        sleeping.into_iter().take(over).for_each(|oldest| self.forget_session(oldest, steps));
    }

    /// Nothing of the session is kept: no token of its family is good any more.
    fn forget_session(&self, session: &Session, steps: &mut Steps) {
        steps.left.insert(session.no);
        steps.changes.push(Change::Delete(Key::Session(session.no)));
        let retired = self.retired_of(session.no).map(|hash| Change::Delete(Key::Retired(hash)));
        steps.changes.extend(retired);
    }

    /// Ends all sessions of a user, dormant ones too, but for `keep`.
    pub(super) fn end_all(
        &self,
        user: UserNo,
        reason: EndReason,
        keep: Option<SessionNo>,
        steps: &mut Steps,
    ) {
        for session in self.sessions_of(user).filter(|session| Some(session.no) != keep) {
            self.end_session(session, reason, steps);
        }
    }

    fn retired_of(&self, session: SessionNo) -> impl Iterator<Item = TokenHash> {
        let range = (session, Millis::MIN, TokenHash([0; 32]))
            ..=(session, Millis::MAX, TokenHash([255; 32]));
        self.retired_by_session.range(range).map(|(_, _, hash)| *hash)
    }

    pub(super) fn refresh(&self, at: Millis, refresh: &Refresh) -> Applied {
        let Some(session) = self.refreshes.get(&refresh.presented) else {
            return self.reused(at, refresh);
        };
        let Some((session, user)) = self
            .sessions
            .get(session)
            .and_then(|session| Some((session, self.users.get(&session.user)?)))
        else {
            return Applied::refused(Refusal::RefreshExpired);
        };
        if at >= session.refresh_until || !names(user, refresh.user_name.as_ref()) {
            return Applied::refused(Refusal::RefreshExpired);
        }
        let mut steps = Steps::default();
        if let Err(refusal) = self.may_wake(at, session, user, &mut steps) {
            return Applied::refused(refusal);
        }
        self.rotate(at, session, refresh, &mut steps);
        steps.applied(Outcome::Refreshed(session.no))
    }

    /// A refresh of a live session is always served; waking a dormant one passes the gate of a
    /// login: status, lock, limit.
    fn may_wake(
        &self,
        at: Millis,
        session: &Session,
        user: &User,
        steps: &mut Steps,
    ) -> Result<(), Refusal> {
        if session.dormant.is_none() && at < session.due(&self.policy) {
            return Ok(());
        }
        self.status_admits(user)?;
        if let Some(until) = self.locked_until(at, &user.name) {
            return Err(Refusal::Locked { until: Some(until) });
        }
        steps.left.insert(session.no);
        self.make_room(at, user, Some(session.no), steps)
    }

    fn rotate(&self, at: Millis, session: &Session, refresh: &Refresh, steps: &mut Steps) {
        let Pair { id, token, refresh: next } = refresh.pair.clone();
        // Tabs race for a sleeping session as for a live one, but its former token stays dead.
        let awake = session.is_live(at, &self.policy);
        let previous = Previous {
            token: if awake { session.token } else { token },
            refresh: session.refresh,
            sealed: if self.policy.rotation { refresh.sealed.clone() } else { Vec::new() },
            until: at + self.policy.grace_ms,
        };
        if self.policy.rotation {
            let retired = Retired { session: session.no, until: session.refresh_until };
            steps.put(Row::Retired(session.refresh, retired));
            let over = (self.retired_of(session.no).count() + 1).saturating_sub(RETIRED_MAX);
            let oldest = self.retired_of(session.no).take(over);
            steps.changes.extend(oldest.map(|hash| Change::Delete(Key::Retired(hash))));
        }
        steps.put(Row::Session(Session {
            id,
            token,
            refresh: if self.policy.rotation { next } else { session.refresh },
            host: refresh.host.as_str().into(),
            accessed: at,
            refresh_until: at + self.policy.refresh_ms,
            watched: session.watched || refresh.watched,
            dormant: None,
            previous: Some(Box::new(previous)),
            ..session.clone()
        }));
    }

    /// A refresh token that is not current: a racing tab gets the same successor, a thief ends the
    /// family, a stranger learns nothing.
    fn reused(&self, at: Millis, refresh: &Refresh) -> Applied {
        let session =
            self.retired.get(&refresh.presented).and_then(|it| self.sessions.get(&it.session));
        let Some(session) = session else { return Applied::refused(Refusal::RefreshExpired) };
        let user = self.users.get(&session.user);
        match session.previous.as_ref() {
            Some(previous) if previous.refresh == refresh.presented && at < previous.until => {
                if !user.is_some_and(|user| names(user, refresh.user_name.as_ref())) {
                    return Applied::refused(Refusal::RefreshExpired);
                }
                Applied::done(Outcome::Successor(session.no, previous.sealed.clone()), Vec::new())
            }
            _ => {
                let mut steps = Steps::default();
                self.end_session(session, EndReason::Revoked, &mut steps);
                steps.applied(Outcome::Refused(Refusal::RefreshExpired))
            }
        }
    }

    pub(super) fn end(&self, end: &End) -> Applied {
        let Some(session) = self.sessions.get(&end.session) else {
            return Applied::refused(Refusal::NoSession);
        };
        let kept = end.reason.keeps_refresh();
        let newer = end.unless_after.is_some_and(|after| session.accessed > after);
        if newer || (session.dormant.is_some() && kept) {
            return Applied::done(Outcome::EndedSessions(0), Vec::new());
        }
        let mut steps = Steps::default();
        self.end_session(session, end.reason, &mut steps);
        steps.applied(Outcome::EndedSessions(1))
    }

    pub(super) fn touch(&self, touched: &[Touched]) -> Applied {
        let mut steps = Steps::default();
        // A batch may name a session twice: its newest access counts.
        let mut newest = BTreeMap::new();
        for touch in touched {
            let (at, watched) = newest.entry(touch.session).or_insert((touch.at, touch.watched));
            (*at, *watched) = (touch.at.max(*at), touch.watched || *watched);
        }
        for (no, (at, watched)) in newest {
            let Some(session) = self.sessions.get(&no) else { continue };
            let accessed = session.accessed.max(at);
            let watched = session.watched || watched;
            if session.dormant.is_none()
                && (accessed, watched) != (session.accessed, session.watched)
            {
                steps.put(Row::Session(Session { accessed, watched, ..session.clone() }));
            }
        }
        steps.applied(Outcome::Done)
    }

    /// Ends what is due: idle sessions, refresh tokens past their time, ends of graces, old locks.
    /// Harmless when repeated; bounded, so that the next one goes on where this one stopped.
    pub(super) fn sweep(&self, at: Millis) -> Applied {
        let mut steps = Steps::default();
        let due = |session: &&Session| match session.dormant {
            None => !session.is_live(at, &self.policy),
            Some(_) => session.refresh_until <= at,
        };
        let mut ended = 0;
        for session in self.sessions.values().filter(due).take(SWEEP_MAX) {
            ended += 1;
            match session.dormant {
                None => self.end_session(session, EndReason::Idle, &mut steps),
                Some(_) => self.forget_session(session, &mut steps),
            }
        }
        let retired = self.retired.iter().filter(|(_, retired)| retired.until <= at);
        let retired = retired.map(|(hash, _)| Change::Delete(Key::Retired(*hash)));
        steps.changes.extend(retired.chain(self.stale_attempts(at)).take(SWEEP_MAX));
        steps.changes.dedup();
        steps.applied(Outcome::EndedSessions(ended))
    }
}

fn names(user: &User, named: Option<&UserName>) -> bool {
    named.is_none_or(|name| *name == user.name)
}

fn shown(session: &Session) -> SessionShown {
    SessionShown { id: session.id, host: session.host.to_string(), accessed: session.accessed }
}

/// Changes and ended sessions, gathered on the way.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) changes: Vec<Change>,
    pub(super) ended: Vec<Ended>,
    /// Put to sleep by this step.
    asleep: BTreeSet<SessionNo>,
    /// No longer asleep after this step: gone or woken.
    left: BTreeSet<SessionNo>,
}

impl Steps {
    pub(super) fn put(&mut self, row: Row) {
        self.changes.push(Change::Put(row));
    }

    pub(super) fn applied(self, outcome: Outcome) -> Applied {
        Applied { outcome, changes: self.changes, ended: self.ended }
    }
}
