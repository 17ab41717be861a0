//! Logging in: by a password that was checked outside, or by a refresh token; the limits on both.

use protocol::UserName;

use super::change_set::ChangeSet;
use super::second_factor::FactorProof;
use crate::realm::command::{Login, Refresh, SecondFactorInput};
use crate::realm::model::{
    Before, EndReason, Fingerprint, GracePair, LoginClient, Millis, PendingLogin, Session,
    SessionNo, TokenHash, TokenHashes, User, UserStatus, Verdict, WhenFull,
};
use crate::realm::outcome::{Applied, Outcome, Refusal, SessionSummary};
use crate::realm::row::{Change, Key, RotatedToken, Row};
use crate::realm::state::Realm;

/// Used refresh tokens of one session that are remembered.
const ROTATED_TOKENS_MAX: usize = 256;
/// Pairs of one session that are in their grace at once: a row has to hold them.
const GRACE_PAIRS_MAX: usize = 4;

/// What a session is opened with.
pub(super) struct NewSession<'a> {
    pub(super) token_hashes: &'a TokenHashes,
    pub(super) host: &'a str,
    pub(super) monitored: bool,
    pub(super) token_api: bool,
    pub(super) rehash: Option<std::sync::Arc<str>>,
}

impl Realm {
    pub(in crate::realm) fn login(&self, at: Millis, login: &Login) -> Applied {
        let name = &login.user_name;
        let bypass = login.bypass && login.verdict == Verdict::Matched;
        if let Some(until) = self.locked_until(at, name, &login.client).filter(|_| !login.bypass) {
            return Applied::refused(Refusal::Locked { until: Some(until) });
        }
        let Some(user) = self.user_by_name(name) else {
            // S1 answers alike for a wrong name and a wrong password, whatever the policy: then
            // the lock must come alike, too.
            if !self.policy.uniform && !login.token_api {
                return Applied::refused(Refusal::UnknownAccount);
            }
            return self.count_wrong_password(at, name, &login.client);
        };
        if login.directory {
            // The record was the directory's a moment ago; a password means that it is not.
            if login.verdict != Verdict::Matched || !user.directory {
                return match login.bypass {
                    true => Applied::refused(Refusal::IncorrectCredentials),
                    false => self.count_wrong_password(at, name, &login.client),
                };
            }
        } else if let Some(refused) = self.reject_password(at, user, login) {
            return refused;
        }
        self.open_login(at, user, &login.client, &login.second_factor, None, bypass, |change_set| {
            change_set.changes.extend(self.forgive(name, &login.client));
            NewSession {
                token_hashes: &login.token_hashes,
                host: &login.host,
                monitored: login.monitored,
                token_api: login.token_api,
                rehash: login.rehash.clone(),
            }
        })
    }

    fn count_wrong_password(&self, at: Millis, name: &UserName, client: &LoginClient) -> Applied {
        let (refusal, changes) = self.count_wrong(at, name, client);
        Applied::done(Outcome::Refused(refusal), changes)
    }

    /// What comes of a password that does not let a local user in; none: it does.
    fn reject_password(&self, at: Millis, user: &User, login: &Login) -> Option<Applied> {
        let credential = user.credential.as_deref().map(Fingerprint::new);
        if credential != login.checked {
            return Some(Applied::refused(Refusal::StaleCredential));
        }
        if login.verdict == Verdict::Blank && self.is_blank(at, user) {
            let refusal = Refusal::PasswordChangeRequired(user.status);
            let changes = self.count_rejected(at, &user.name);
            return Some(Applied::done(Outcome::Refused(refusal), changes));
        }
        let proved = login.verdict == Verdict::Matched && credential.is_some();
        let proved = proved && !self.is_reset_expired(at, user);
        (!proved).then(|| self.count_wrong_password(at, &login.user_name, &login.client))
    }

    /// The one gate to a live session, after the first factor was proved: for a login, and for the
    /// waking of a session that sleeps. `bypass`: a directory decides about locks and passwords.
    pub(super) fn gate(
        &self,
        at: Millis,
        user: &User,
        client: &LoginClient,
        factor: &SecondFactorInput,
        pending: Option<(TokenHash, &PendingLogin)>,
        bypass: bool,
    ) -> Result<FactorProof, Refusal> {
        match (bypass, user.status) {
            (true, UserStatus::Disabled) => return Err(Refusal::Locked { until: None }),
            (true, _) => {}
            (false, _) => {
                self.check_status(at, user)?;
                if let Some(until) = self.locked_until(at, &user.name, client) {
                    return Err(Refusal::Locked { until: Some(until) });
                }
            }
        }
        self.verify_factor(at, user, factor.presented.as_ref(), pending, client)
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

    pub(super) fn open_session(
        &self,
        at: Millis,
        user: &User,
        new_session: NewSession<'_>,
        factor_verified: bool,
        change_set: &mut ChangeSet,
    ) -> SessionNo {
        let counters = change_set.counters(self);
        counters.sessions += 1;
        let no = SessionNo(counters.sessions);
        let attempts = self.attempts.get(&user.name).cloned().unwrap_or_default();
        let before = Before {
            failed: attempts.failed,
            rejected: attempts.rejected,
            last_login: user.last_login,
        };
        let connector = new_session.token_api;
        let credential = new_session.rehash.or_else(|| user.credential.clone());
        change_set.put(Row::User(User { last_login: Some(at), credential, ..user.clone() }));
        change_set.put(Row::Session(Session {
            no,
            id: new_session.token_hashes.id,
            user: user.no,
            host: new_session.host.into(),
            token: new_session.token_hashes.token,
            refresh: new_session.token_hashes.refresh,
            opened: at,
            accessed: at,
            refresh_until: at.saturating_add(self.refresh_ms(connector)),
            monitored: new_session.monitored,
            fixed_end: connector.then(|| at.saturating_add(self.effective_lifetimes().access_ms)),
            factor_verified,
            dormant: None,
            grace_pairs: Vec::new(),
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
        change_set: &mut ChangeSet,
    ) -> Result<(), Refusal> {
        let Some(max) = self.policy.sessions_max else { return Ok(()) };
        let (mut live, mut due) = (Vec::new(), Vec::new());
        let awake = |it: &&Session| it.dormant.is_none() && Some(it.no) != woken;
        for session in self.sessions_of(user.no).filter(awake) {
            if session.is_live(at, &self.policy) { live.push(session) } else { due.push(session) }
        }
        for session in due {
            self.end_session(session, session.timeout_reason(), change_set);
        }
        let over = (live.len() + 1).saturating_sub(max as usize);
        if over > 0 && self.policy.when_full == WhenFull::Refuse {
            *change_set = ChangeSet::default();
            return Err(Refusal::SessionLimit(live.into_iter().map(session_summary).collect()));
        }
        live.sort_by_key(|session| session.opened);
        live.iter()
            .take(over)
            .for_each(|session| self.end_session(session, EndReason::Evicted, change_set));
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
        let mut change_set = ChangeSet::default();
        let proved = match self.check_refresh(at, session, user, refresh, &mut change_set) {
            Ok(proved) => proved,
            Err(refusal @ Refusal::SecondFactor(..)) => {
                return self.refuse_second_factor(
                    at,
                    user,
                    &refresh.second_factor,
                    None,
                    false,
                    refusal,
                );
            }
            Err(refusal) => return Applied::refused(refusal),
        };
        self.rotate(at, session, refresh, proved, &mut change_set);
        change_set.applied(Outcome::Refreshed(session.no))
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
        change_set: &mut ChangeSet,
    ) -> Result<bool, Refusal> {
        let live = session.dormant.is_none() && at < session.timeout_at(&self.policy);
        if live && session.factor_verified {
            return Ok(true);
        }
        let (client, factor) = (&refresh.client, &refresh.second_factor);
        let proof = match (live, session.factor_verified) {
            (true, _) => self.verify_factor(at, user, factor.presented.as_ref(), None, client)?,
            (false, true) => {
                let none = SecondFactorInput::default();
                match self.gate(at, user, client, &none, None, false) {
                    // It was proved when the session was opened.
                    Err(Refusal::SecondFactor(..)) => FactorProof::NotRequired,
                    proof => proof?,
                }
            }
            (false, false) => self.gate(at, user, client, factor, None, false)?,
        };
        if !live {
            change_set.no_longer_dormant.insert(session.no);
            self.enforce_session_limit(at, user, Some(session.no), change_set)?;
        }
        let proved = session.factor_verified || proof != FactorProof::NotRequired;
        self.consume_factor(at, user.no, proof, factor, change_set);
        Ok(proved)
    }

    fn rotate(
        &self,
        at: Millis,
        session: &Session,
        refresh: &Refresh,
        factor_verified: bool,
        change_set: &mut ChangeSet,
    ) {
        let TokenHashes { id, token, refresh: next } = refresh.token_hashes.clone();
        // Tabs race for a sleeping session as for a live one, but its former token stays dead.
        let awake = session.is_live(at, &self.policy);
        let previous = GracePair {
            token: if awake { session.token } else { token },
            refresh: session.refresh,
            encrypted: if self.policy.rotation { refresh.encrypted.clone() } else { Vec::new() },
            until: at.saturating_add(self.policy.grace_ms),
        };
        if self.policy.rotation {
            let retired = RotatedToken { session: session.no, until: session.refresh_until };
            change_set.put(Row::RotatedToken(session.refresh, retired));
            let over =
                (self.rotated_tokens_of(session.no).count() + 1).saturating_sub(ROTATED_TOKENS_MAX);
            let oldest = self.rotated_tokens_of(session.no).take(over);
            change_set.changes.extend(oldest.map(|hash| Change::Delete(Key::RotatedToken(hash))));
        }
        // Tabs may race over several refreshes: each old pair has its own moment.
        let young = session.grace_pairs.iter().filter(|it| it.until > at).cloned();
        let kept: Vec<_> = young.collect();
        let kept = kept.into_iter().rev().take(GRACE_PAIRS_MAX - 1).rev();
        change_set.put(Row::Session(Session {
            id,
            token,
            refresh: if self.policy.rotation { next } else { session.refresh },
            host: refresh.host.as_str().into(),
            accessed: at,
            refresh_until: at.saturating_add(self.refresh_ms(session.fixed_end.is_some())),
            fixed_end: session
                .fixed_end
                .map(|_| at.saturating_add(self.effective_lifetimes().access_ms)),
            monitored: session.monitored || refresh.monitored,
            factor_verified,
            dormant: None,
            grace_pairs: kept.chain([previous]).collect(),
            ..session.clone()
        }));
    }

    /// A refresh token that is not current: a racing tab gets the same successor, a thief ends the
    /// family, a stranger learns nothing.
    fn handle_rotated_token(&self, at: Millis, refresh: &Refresh) -> Applied {
        let session = self
            .rotated_tokens
            .get(&refresh.presented)
            .and_then(|it| self.sessions.get(&it.session));
        let Some(session) = session else { return Applied::refused(Refusal::RefreshExpired) };
        let user = self.user(session.user);
        let previous = session.grace_pairs.iter();
        let mut previous = previous.filter(|it| it.refresh == refresh.presented && at < it.until);
        match previous.next() {
            Some(previous) => {
                if !user.is_some_and(|user| names(user, refresh.user_name.as_ref())) {
                    return Applied::refused(Refusal::RefreshExpired);
                }
                Applied::done(
                    Outcome::RotatedEarlier(session.no, previous.encrypted.clone()),
                    Vec::new(),
                )
            }
            _ => {
                let mut change_set = ChangeSet::default();
                self.end_session(session, EndReason::Revoked, &mut change_set);
                change_set.applied(Outcome::Refused(Refusal::RefreshExpired))
            }
        }
    }
}

fn names(user: &User, named: Option<&UserName>) -> bool {
    named.is_none_or(|name| *name == user.name)
}

fn session_summary(session: &Session) -> SessionSummary {
    SessionSummary { id: session.id, host: session.host.to_string(), accessed: session.accessed }
}
