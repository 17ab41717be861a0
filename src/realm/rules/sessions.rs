//! Sessions: lookup, end, dormant sessions, last use and the sweep.

use std::collections::BTreeMap;

use super::change_set::ChangeSet;
use crate::realm::command::{SessionEnd, SessionUse};
use crate::realm::key::Key;
use crate::realm::model::{
    EndReason, Millis, Session, SessionId, SessionNo, TokenHash, User, UserNo,
};
use crate::realm::outcome::{Applied, Ended, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of dormant sessions of one user; a further session replaces the oldest.
const DORMANT_MAX: usize = 100;
/// Maximum number of rows of one group that a sweep ends or deletes. The groups are sessions,
/// rotated tokens and all other rows.
const SWEEP_MAX: usize = 512;

impl Realm {
    /// Returns the session with this number, live or dormant.
    pub fn session(&self, no: SessionNo) -> Option<&Session> {
        self.sessions.get(&no).map(|it| &**it)
    }

    /// Returns the session of a session token; `None` if the session is dormant. The token is the
    /// current token, or a replaced token in its grace period. Whether the session timed out is not
    /// checked.
    pub fn session_by_token(&self, at: Millis, token: &TokenHash) -> Option<&Session> {
        let session = self.sessions.get(self.tokens.get(token)?)?;
        let current = session.token == *token;
        let in_grace = || session.grace_pairs.iter().any(|it| it.token == *token && at < it.until);
        (session.dormant.is_none() && (current || in_grace())).then_some(session)
    }

    /// Returns the user of the session to which a refresh token belongs. The token may be the
    /// current token or a rotated token.
    pub fn user_by_refresh(&self, refresh: &TokenHash) -> Option<&User> {
        let rotated = || self.rotated_tokens.get(refresh).map(|rotated| &rotated.session);
        let session = self.sessions.get(self.refreshes.get(refresh).or_else(rotated)?)?;
        self.user(session.user)
    }

    /// Returns the session with this SESSION_ID.
    pub fn session_by_id(&self, id: &SessionId) -> Option<&Session> {
        self.session(*self.session_ids.get(id)?)
    }

    /// Returns all sessions with a number above `after`, in ascending order.
    pub fn sessions_after(&self, after: Option<SessionNo>) -> impl Iterator<Item = &Session> {
        let from = SessionNo(after.map_or(0, |no| no.0.saturating_add(1)));
        self.sessions.range(from..).map(|(_, session)| &**session)
    }

    /// Returns the sessions of a user, oldest first.
    pub fn sessions_of(&self, user: UserNo) -> impl Iterator<Item = &Session> {
        let range = (user, SessionNo(0))..=(user, SessionNo(u64::MAX));
        self.user_sessions.range(range).filter_map(|(_, no)| self.session(*no))
    }

    /// Ends a session. Depending on the reason, the session becomes dormant or is deleted with all
    /// its tokens.
    pub(super) fn end_session(
        &self,
        session: &Session,
        reason: EndReason,
        change_set: &mut ChangeSet,
    ) {
        if session.dormant.is_none() {
            change_set.ended.push(Ended { session: session.no, user: session.user, reason });
        }
        if !reason.keeps_refresh() {
            return self.forget_session(session, change_set);
        }
        let dormant = Session { dormant: Some(reason), ..session.clone() };
        change_set.put(Row::Session(dormant));
        change_set.now_dormant.insert(session.no);
        // One command can make many sessions dormant. The sessions that this command made dormant
        // so far count, too.
        let is_dormant = |it: &&Session| {
            (it.dormant.is_some() || change_set.now_dormant.contains(&it.no))
                && !change_set.no_longer_dormant.contains(&it.no)
        };
        let dormant: Vec<_> = self.sessions_of(session.user).filter(is_dormant).collect();
        let surplus = dormant.len().saturating_sub(DORMANT_MAX);
        dormant
            .into_iter()
            .take(surplus)
            .for_each(|oldest| self.forget_session(oldest, change_set));
    }

    /// Deletes a session and its rotated tokens: none of its tokens is valid afterwards.
    fn forget_session(&self, session: &Session, change_set: &mut ChangeSet) {
        change_set.no_longer_dormant.insert(session.no);
        change_set.changes.push(Change::Delete(Key::Session(session.no)));
        let rotated =
            self.rotated_tokens_of(session.no).map(|hash| Change::Delete(Key::RotatedToken(hash)));
        change_set.changes.extend(rotated);
    }

    /// Ends all sessions of a user, live and dormant, except `keep`.
    pub(super) fn end_all(
        &self,
        user: UserNo,
        reason: EndReason,
        keep: Option<SessionNo>,
        change_set: &mut ChangeSet,
    ) {
        for session in self.sessions_of(user).filter(|session| Some(session.no) != keep) {
            self.end_session(session, reason, change_set);
        }
    }

    pub(super) fn rotated_tokens_of(&self, session: SessionNo) -> impl Iterator<Item = TokenHash> {
        let range = (session, Millis::MIN, TokenHash([0; 32]))
            ..=(session, Millis::MAX, TokenHash([255; 32]));
        self.rotated_by_session.range(range).map(|(_, _, hash)| *hash)
    }

    pub(in crate::realm) fn end(&self, end: &SessionEnd) -> Applied {
        let Some(session) = self.sessions.get(&end.session) else {
            return Applied::refused(Refusal::NoSession);
        };
        let kept = end.reason.keeps_refresh();
        let newer = end.unless_after.is_some_and(|after| session.accessed > after);
        if newer || (session.dormant.is_some() && kept) {
            return Applied::done(Outcome::EndedSessions(0), Vec::new());
        }
        let mut change_set = ChangeSet::default();
        self.end_session(session, end.reason, &mut change_set);
        change_set.applied(Outcome::EndedSessions(1))
    }

    pub(in crate::realm) fn record_session_use(
        &self,
        now: Millis,
        session_uses: &[SessionUse],
    ) -> Applied {
        let mut change_set = ChangeSet::default();
        // A batch may contain a session twice: the newest use counts.
        let mut newest = BTreeMap::new();
        for session_use in session_uses {
            let (at, monitored) = newest
                .entry(session_use.session)
                .or_insert((session_use.at, session_use.monitored));
            (*at, *monitored) = (session_use.at.max(*at), session_use.monitored || *monitored);
        }
        for (no, (at, monitored)) in newest {
            let Some(session) = self.session(no) else { continue };
            let accessed = session.accessed.max(at.min(now));
            let monitored = session.monitored || monitored;
            if session.dormant.is_none()
                && (accessed, monitored) != (session.accessed, session.monitored)
            {
                change_set.put(Row::Session(Session { accessed, monitored, ..session.clone() }));
            }
        }
        change_set.applied(Outcome::Done)
    }

    /// Ends sessions that timed out and deletes expired rows: dormant sessions, rotated tokens,
    /// one-time tokens, pending logins, active codes, unconfirmed secrets and self-service resets.
    /// A sweep handles a limited number of rows; the next sweep continues. Repeating a sweep is
    /// harmless.
    pub(in crate::realm) fn sweep(&self, at: Millis) -> Applied {
        let mut change_set = ChangeSet::default();
        let due = |session: &&Session| match session.dormant {
            None => !session.is_live(at, &self.policy),
            Some(_) => session.refresh_until <= at || session.is_too_old(at),
        };
        let mut ended = 0;
        for session in self.sessions_after(None).filter(due).take(SWEEP_MAX) {
            ended += 1;
            match session.dormant {
                None => self.end_session(session, session.timeout_reason(at), &mut change_set),
                Some(_) => self.forget_session(session, &mut change_set),
            }
        }
        let rotated = self.rotated_tokens.iter().filter(|(_, rotated)| rotated.until <= at);
        let rotated = rotated.map(|(hash, _)| Change::Delete(Key::RotatedToken(*hash)));
        let rotated: Vec<_> = rotated.take(SWEEP_MAX).collect();
        let transient = self.expired_one_time_tokens(at).chain(self.expired_pending_logins(at));
        let transient =
            transient.chain(self.expired_active_codes(at)).chain(self.expired_pending_secrets(at));
        let transient: Vec<_> =
            transient.chain(self.expired_self_resets(at)).take(SWEEP_MAX).collect();
        // The count includes every kind of row, because the caller repeats the sweep while the
        // count is high.
        ended += rotated.len() + transient.len();
        change_set.changes.extend(rotated);
        change_set.changes.extend(transient);
        change_set.changes.dedup();
        change_set.applied(Outcome::EndedSessions(ended))
    }
}
