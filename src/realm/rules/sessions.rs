//! Sessions: opened by a login, renewed by a refresh, ended with a reason; some sleep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::realm::command::commands::{End, Touched};
use crate::realm::model::ids::{SessionNo, UserNo};
use crate::realm::model::policy::Policy;
use crate::realm::outcome::{Applied, EndReason, Ended, Outcome, Refusal};
use crate::realm::row::{Change, Counters, Key, Row};
use crate::realm::rules::users::User;
use crate::realm::state::{Millis, Realm};

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
    /// What happened under the user's name before the login.
    #[serde(default, skip_serializing_if = "Before::is_nothing")]
    pub before: Before,
    /// Whether a socket was ever bound to it: then its heartbeats are watched.
    #[serde(default)]
    pub watched: bool,
    /// When it ends, however much it is used (S1); none: it idles out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Millis>,
    /// Whether a second factor was proved for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second: bool,
    /// Ended, but its refresh token can wake it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dormant: Option<EndReason>,
    /// The pairs before the last refreshes, answered for a moment; the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Previous>,
}

/// What the login ack tells of the time before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Wrong passwords since the login before: FAILED_LOGIN_ATTEMPTS.
    pub failed: u32,
    /// Logins refused otherwise: REJECTED_LOGIN_ATTEMPTS.
    pub rejected: u32,
    /// The login before: LAST_LOGIN_DATETIME.
    pub last_login: Option<Millis>,
}

impl Before {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
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

    /// When the sweep may end it: at its fixed time, else idle plus two batches of touches that may
    /// be on their way.
    pub(super) fn due(&self, policy: &Policy) -> Millis {
        let idle = || {
            self.accessed
                .saturating_add(policy.idle_ms)
                .saturating_add(policy.touch_ms.saturating_mul(2))
        };
        self.ends.unwrap_or_else(idle)
    }

    /// Why it ends once it is due.
    pub fn due_reason(&self) -> EndReason {
        if self.ends.is_some() { EndReason::Expired } else { EndReason::Idle }
    }
}

/// Dormant sessions that one user may leave behind.
const DORMANT_MAX: usize = 100;
/// Sessions that one sweep ends at most; the next one goes on.
const SWEEP_MAX: usize = 512;

impl Realm {
    /// The session of this number, live or dormant.
    pub fn session(&self, no: SessionNo) -> Option<&Session> {
        self.sessions.get(&no).map(|it| &**it)
    }

    /// The live session that a token speaks for: its own, or during the grace its former one.
    pub fn session_by_token(&self, at: Millis, token: &TokenHash) -> Option<&Session> {
        let session = self.sessions.get(self.tokens.get(token)?)?;
        let current = session.token == *token;
        let in_grace = || session.previous.iter().any(|it| it.token == *token && at < it.until);
        (session.dormant.is_none() && (current || in_grace())).then_some(session)
    }

    /// The user of the session to which a refresh token belongs, or belonged before it was used.
    pub fn user_by_refresh(&self, refresh: &TokenHash) -> Option<&User> {
        let retired = || self.retired.get(refresh).map(|retired| &retired.session);
        let session = self.sessions.get(self.refreshes.get(refresh).or_else(retired)?)?;
        self.user(session.user)
    }

    /// The session with this SESSION_ID.
    pub fn session_by_id(&self, id: &SessionId) -> Option<&Session> {
        self.session(*self.session_ids.get(id)?)
    }

    /// All sessions, by number, from the one after `after`.
    pub fn sessions_after(&self, after: Option<SessionNo>) -> impl Iterator<Item = &Session> {
        let from = SessionNo(after.map_or(0, |no| no.0.saturating_add(1)));
        self.sessions.range(from..).map(|(_, session)| &**session)
    }

    /// The sessions of a user, oldest first.
    pub fn sessions_of(&self, user: UserNo) -> impl Iterator<Item = &Session> {
        let range = (user, SessionNo(0))..=(user, SessionNo(u64::MAX));
        self.user_sessions.range(range).filter_map(|(_, no)| self.session(*no))
    }

    /// Ends a session in the way its reason says: asleep, or gone with all its tokens.
    pub(super) fn end_session(&self, session: &Session, reason: EndReason, steps: &mut Steps) {
        if session.dormant.is_none() {
            steps.ended.push(Ended { session: session.no, user: session.user, reason });
        }
        if !reason.keeps_refresh() {
            return self.forget_session(session, steps);
        }
        let asleep = Session { dormant: Some(reason), ..session.clone() };
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

    pub(super) fn retired_of(&self, session: SessionNo) -> impl Iterator<Item = TokenHash> {
        let range = (session, Millis::MIN, TokenHash([0; 32]))
            ..=(session, Millis::MAX, TokenHash([255; 32]));
        self.retired_by_session.range(range).map(|(_, _, hash)| *hash)
    }

    pub(in crate::realm) fn end(&self, end: &End) -> Applied {
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

    pub(in crate::realm) fn touch(&self, now: Millis, touched: &[Touched]) -> Applied {
        let mut steps = Steps::default();
        // A batch may name a session twice: its newest access counts.
        let mut newest = BTreeMap::new();
        for touch in touched {
            let (at, watched) = newest.entry(touch.session).or_insert((touch.at, touch.watched));
            (*at, *watched) = (touch.at.max(*at), touch.watched || *watched);
        }
        for (no, (at, watched)) in newest {
            let Some(session) = self.session(no) else { continue };
            let accessed = session.accessed.max(at.min(now));
            let watched = session.watched || watched;
            if session.dormant.is_none()
                && (accessed, watched) != (session.accessed, session.watched)
            {
                steps.put(Row::Session(Session { accessed, watched, ..session.clone() }));
            }
        }
        steps.applied(Outcome::Done)
    }

    /// Ends what is due: idle sessions, refresh tokens past their time, what a thief could bring.
    /// Harmless when repeated; bounded, so that the next one goes on where this one stopped.
    pub(in crate::realm) fn sweep(&self, at: Millis) -> Applied {
        let mut steps = Steps::default();
        let due = |session: &&Session| match session.dormant {
            None => !session.is_live(at, &self.policy),
            Some(_) => session.refresh_until <= at,
        };
        let mut ended = 0;
        for session in self.sessions_after(None).filter(due).take(SWEEP_MAX) {
            ended += 1;
            match session.dormant {
                None => self.end_session(session, session.due_reason(), &mut steps),
                Some(_) => self.forget_session(session, &mut steps),
            }
        }
        let retired = self.retired.iter().filter(|(_, retired)| retired.until <= at);
        let retired = retired.map(|(hash, _)| Change::Delete(Key::Retired(*hash)));
        let retired: Vec<_> = retired.take(SWEEP_MAX).collect();
        let passing = self.one_time_over(at).chain(self.halves_over(at));
        let passing = passing.chain(self.active_codes_over(at)).chain(self.pending_over(at));
        let passing: Vec<_> = passing.chain(self.resets_over(at)).take(SWEEP_MAX).collect();
        // What is left for the next one counts, whatever it is.
        ended += retired.len() + passing.len();
        steps.changes.extend(retired);
        steps.changes.extend(passing);
        steps.changes.dedup();
        steps.applied(Outcome::EndedSessions(ended))
    }
}

/// Changes and ended sessions, gathered on the way.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub(super) changes: Vec<Change>,
    /// The next numbers, if any was used.
    counters: Option<Counters>,
    pub(super) ended: Vec<Ended>,
    /// Put to sleep by this step.
    pub(super) asleep: BTreeSet<SessionNo>,
    /// No longer asleep after this step: gone or woken.
    pub(super) left: BTreeSet<SessionNo>,
}

impl Steps {
    pub(super) fn put(&mut self, row: Row) {
        self.changes.push(Change::Put(row));
    }

    /// The next numbers; what is taken of them is written down with the rest.
    pub(super) fn counters(&mut self, realm: &Realm) -> &mut Counters {
        self.counters.get_or_insert_with(|| realm.counters.clone())
    }

    pub(super) fn applied(mut self, outcome: Outcome) -> Applied {
        self.changes.extend(self.counters.take().map(|it| Change::Put(Row::Counters(it))));
        Applied { outcome, changes: self.changes, ended: self.ended, audit: Vec::new() }
    }
}
