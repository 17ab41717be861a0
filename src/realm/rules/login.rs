//! Logging in: by a password that was checked outside, or by a refresh token; the limits on both.

use protocol::UserName;

use super::change_set::ChangeSet;
use super::second_factor::Proof;
use crate::realm::command::{Login, Refresh, SecondFactorInput};
use crate::realm::model::{
    Before, EndReason, Fingerprint, GracePair, LoginClient, Millis, PendingLogin, Session,
    SessionNo, TokenHash, TokenHashes, User, UserStatus, Verdict, WhenFull,
};
use crate::realm::outcome::{Applied, Outcome, Refusal, SessionShown};
use crate::realm::row::{Change, Key, RotatedToken, Row};
use crate::realm::state::Realm;

/// Used refresh tokens of one session that are remembered.
const RETIRED_MAX: usize = 256;
/// Pairs of one session that are in their grace at once: a row has to hold them.
const PREVIOUS_MAX: usize = 4;

/// What a session is opened with.
pub(super) struct NewSession<'a> {
    pub(super) pair: &'a TokenHashes,
    pub(super) host: &'a str,
    pub(super) watched: bool,
    pub(super) connector: bool,
    pub(super) renewed: Option<std::sync::Arc<str>>,
}

impl Realm {
    pub(in crate::realm) fn login(&self, at: Millis, login: &Login) -> Applied {
        let name = &login.user_name;
        let bypass = login.bypass && login.verdict == Verdict::Matched;
        if let Some(until) = self.locked_until(at, name, &login.peer).filter(|_| !login.bypass) {
            return Applied::refused(Refusal::Locked { until: Some(until) });
        }
        let Some(user) = self.user_by_name(name) else {
            // S1 answers alike for a wrong name and a wrong password, whatever the policy: then
            // the lock must come alike, too.
            if !self.policy.uniform && !login.connector {
                return Applied::refused(Refusal::UnknownAccount);
            }
            return self.count_wrong_password(at, name, &login.peer);
        };
        if login.directory {
            // The record was the directory's a moment ago; a password means that it is not.
            if login.verdict != Verdict::Matched || !user.directory {
                return match login.bypass {
                    true => Applied::refused(Refusal::IncorrectCredentials),
                    false => self.count_wrong_password(at, name, &login.peer),
                };
            }
        } else if let Some(refused) = self.reject_password(at, user, login) {
            return refused;
        }
        self.open_login(at, user, &login.peer, &login.second, None, bypass, |steps| {
            steps.changes.extend(self.forgive(name, &login.peer));
            NewSession {
                pair: &login.pair,
                host: &login.host,
                watched: login.watched,
                connector: login.connector,
                renewed: login.renewed.clone(),
            }
        })
    }

    fn count_wrong_password(&self, at: Millis, name: &UserName, peer: &LoginClient) -> Applied {
        let (refusal, changes) = self.count_wrong(at, name, peer);
        Applied::done(Outcome::Refused(refusal), changes)
    }

    /// What comes of a password that does not let a local user in; none: it does.
    fn reject_password(&self, at: Millis, user: &User, login: &Login) -> Option<Applied> {
        let credential = user.credential.as_deref().map(Fingerprint::of);
        if credential != login.checked {
            return Some(Applied::refused(Refusal::StaleCredential));
        }
        if login.verdict == Verdict::Blank && self.is_blank(at, user) {
            let refusal = Refusal::PasswordChangeRequired(user.status);
            let changes = self.count_rejected(at, &user.name);
            return Some(Applied::done(Outcome::Refused(refusal), changes));
        }
        let proved = login.verdict == Verdict::Matched && credential.is_some();
        let proved = proved && !self.is_stale(at, user);
        (!proved).then(|| self.count_wrong_password(at, &login.user_name, &login.peer))
    }

    /// The one gate to a live session, after the first factor was proved: for a login, and for the
    /// waking of a session that sleeps. `bypass`: a directory decides about locks and passwords.
    pub(super) fn gate(
        &self,
        at: Millis,
        user: &User,
        peer: &LoginClient,
        second: &SecondFactorInput,
        half: Option<(TokenHash, &PendingLogin)>,
        bypass: bool,
    ) -> Result<Proof, Refusal> {
        match (bypass, user.status) {
            (true, UserStatus::Disabled) => return Err(Refusal::Locked { until: None }),
            (true, _) => {}
            (false, _) => {
                self.check_status(at, user)?;
                if let Some(until) = self.locked_until(at, &user.name, peer) {
                    return Err(Refusal::Locked { until: Some(until) });
                }
            }
        }
        self.verify_factor(at, user, second.given.as_ref(), half, peer)
    }

    /// Whether the user's status and the age of the password let him in.
    fn check_status(&self, at: Millis, user: &User) -> Result<(), Refusal> {
        match user.status {
            UserStatus::Enabled if self.is_too_old(at, user) => {
                Err(Refusal::PasswordChangeRequired(UserStatus::PasswordExpired))
            }
            UserStatus::Enabled => Ok(()),
            UserStatus::Disabled => Err(Refusal::Locked { until: None }),
            UserStatus::PasswordExpired | UserStatus::PasswordReset => {
                Err(Refusal::PasswordChangeRequired(user.status))
            }
        }
    }

    pub(super) fn open(
        &self,
        at: Millis,
        user: &User,
        opening: NewSession<'_>,
        second: bool,
        steps: &mut ChangeSet,
    ) -> SessionNo {
        let counters = steps.counters(self);
        counters.sessions += 1;
        let no = SessionNo(counters.sessions);
        let attempts = self.attempts.get(&user.name).cloned().unwrap_or_default();
        let before = Before {
            failed: attempts.failed,
            rejected: attempts.rejected,
            last_login: user.last_login,
        };
        let connector = opening.connector;
        let credential = opening.renewed.or_else(|| user.credential.clone());
        steps.put(Row::User(User { last_login: Some(at), credential, ..user.clone() }));
        steps.put(Row::Session(Session {
            no,
            id: opening.pair.id,
            user: user.no,
            host: opening.host.into(),
            token: opening.pair.token,
            refresh: opening.pair.refresh,
            opened: at,
            accessed: at,
            refresh_until: at.saturating_add(self.refresh_ms(connector)),
            watched: opening.watched,
            ends: connector.then(|| at.saturating_add(self.lives().access_ms)),
            second,
            dormant: None,
            previous: Vec::new(),
            before,
        }));
        no
    }

    /// Makes sure that one more live session of the user is allowed, after the due ones ended; the
    /// one that is being woken does not end, due or not.
    pub(super) fn enforce_session_limit(
        &self,
        at: Millis,
        user: &User,
        woken: Option<SessionNo>,
        steps: &mut ChangeSet,
    ) -> Result<(), Refusal> {
        let Some(max) = self.policy.sessions_max else { return Ok(()) };
        let (mut live, mut due) = (Vec::new(), Vec::new());
        let awake = |it: &&Session| it.dormant.is_none() && Some(it.no) != woken;
        for session in self.sessions_of(user.no).filter(awake) {
            if session.is_live(at, &self.policy) { live.push(session) } else { due.push(session) }
        }
        for session in due {
            self.end_session(session, session.due_reason(), steps);
        }
        let over = (live.len() + 1).saturating_sub(max as usize);
        if over > 0 && self.policy.when_full == WhenFull::Refuse {
            *steps = ChangeSet::default();
            return Err(Refusal::SessionLimit(live.into_iter().map(shown).collect()));
        }
        live.sort_by_key(|session| session.opened);
        live.iter()
            .take(over)
            .for_each(|session| self.end_session(session, EndReason::Evicted, steps));
        Ok(())
    }

    pub(in crate::realm) fn refresh(&self, at: Millis, refresh: &Refresh) -> Applied {
        let Some(session) = self.refreshes.get(&refresh.presented) else {
            return self.handle_rotated_token(at, refresh);
        };
        let Some((session, user)) = self
            .sessions
            .get(session)
            .and_then(|session| Some((session, self.user(session.user)?)))
        else {
            return Applied::refused(Refusal::RefreshExpired);
        };
        if at >= session.refresh_until || !names(user, refresh.user_name.as_ref()) {
            return Applied::refused(Refusal::RefreshExpired);
        }
        let mut steps = ChangeSet::default();
        let proved = match self.check_refresh(at, session, user, refresh, &mut steps) {
            Ok(proved) => proved,
            Err(refusal @ Refusal::SecondFactor(..)) => {
                return self.refused_second(at, user, &refresh.second, None, false, refusal);
            }
            Err(refusal) => return Applied::refused(refusal),
        };
        self.rotate(at, session, refresh, proved, &mut steps);
        steps.applied(Outcome::Refreshed(session.no))
    }

    /// A refresh of a live session is served whatever its user's status; waking a dormant one
    /// passes the gate of a login: status, lock, limit. Neither gets around a second factor.
    /// Whether one was proved for the session.
    fn check_refresh(
        &self,
        at: Millis,
        session: &Session,
        user: &User,
        refresh: &Refresh,
        steps: &mut ChangeSet,
    ) -> Result<bool, Refusal> {
        let live = session.dormant.is_none() && at < session.due(&self.policy);
        if live && session.second {
            return Ok(true);
        }
        let (peer, second) = (&refresh.peer, &refresh.second);
        let proof = match (live, session.second) {
            (true, _) => self.verify_factor(at, user, second.given.as_ref(), None, peer)?,
            (false, true) => {
                let none = SecondFactorInput::default();
                match self.gate(at, user, peer, &none, None, false) {
                    // It was proved when the session was opened.
                    Err(Refusal::SecondFactor(..)) => Proof::NotAsked,
                    proof => proof?,
                }
            }
            (false, false) => self.gate(at, user, peer, second, None, false)?,
        };
        if !live {
            steps.left.insert(session.no);
            self.enforce_session_limit(at, user, Some(session.no), steps)?;
        }
        let proved = session.second || proof != Proof::NotAsked;
        self.consume_factor(at, user.no, proof, second, steps);
        Ok(proved)
    }

    fn rotate(
        &self,
        at: Millis,
        session: &Session,
        refresh: &Refresh,
        second: bool,
        steps: &mut ChangeSet,
    ) {
        let TokenHashes { id, token, refresh: next } = refresh.pair.clone();
        // Tabs race for a sleeping session as for a live one, but its former token stays dead.
        let awake = session.is_live(at, &self.policy);
        let previous = GracePair {
            token: if awake { session.token } else { token },
            refresh: session.refresh,
            sealed: if self.policy.rotation { refresh.sealed.clone() } else { Vec::new() },
            until: at.saturating_add(self.policy.grace_ms),
        };
        if self.policy.rotation {
            let retired = RotatedToken { session: session.no, until: session.refresh_until };
            steps.put(Row::Retired(session.refresh, retired));
            let over = (self.retired_of(session.no).count() + 1).saturating_sub(RETIRED_MAX);
            let oldest = self.retired_of(session.no).take(over);
            steps.changes.extend(oldest.map(|hash| Change::Delete(Key::Retired(hash))));
        }
        // Tabs may race over several refreshes: each old pair has its own moment.
        let young = session.previous.iter().filter(|it| it.until > at).cloned();
        let kept: Vec<_> = young.collect();
        let kept = kept.into_iter().rev().take(PREVIOUS_MAX - 1).rev();
        steps.put(Row::Session(Session {
            id,
            token,
            refresh: if self.policy.rotation { next } else { session.refresh },
            host: refresh.host.as_str().into(),
            accessed: at,
            refresh_until: at.saturating_add(self.refresh_ms(session.ends.is_some())),
            ends: session.ends.map(|_| at.saturating_add(self.lives().access_ms)),
            watched: session.watched || refresh.watched,
            second,
            dormant: None,
            previous: kept.chain([previous]).collect(),
            ..session.clone()
        }));
    }

    /// A refresh token that is not current: a racing tab gets the same successor, a thief ends the
    /// family, a stranger learns nothing.
    fn handle_rotated_token(&self, at: Millis, refresh: &Refresh) -> Applied {
        let session =
            self.retired.get(&refresh.presented).and_then(|it| self.sessions.get(&it.session));
        let Some(session) = session else { return Applied::refused(Refusal::RefreshExpired) };
        let user = self.user(session.user);
        let previous = session.previous.iter();
        let mut previous = previous.filter(|it| it.refresh == refresh.presented && at < it.until);
        match previous.next() {
            Some(previous) => {
                if !user.is_some_and(|user| names(user, refresh.user_name.as_ref())) {
                    return Applied::refused(Refusal::RefreshExpired);
                }
                Applied::done(
                    Outcome::RotatedEarlier(session.no, previous.sealed.clone()),
                    Vec::new(),
                )
            }
            _ => {
                let mut steps = ChangeSet::default();
                self.end_session(session, EndReason::Revoked, &mut steps);
                steps.applied(Outcome::Refused(Refusal::RefreshExpired))
            }
        }
    }
}

fn names(user: &User, named: Option<&UserName>) -> bool {
    named.is_none_or(|name| *name == user.name)
}

fn shown(session: &Session) -> SessionShown {
    SessionShown { id: session.id, host: session.host.to_string(), accessed: session.accessed }
}
