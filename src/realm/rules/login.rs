//! Logins: from a password that the handler checked, through the login gate, to a session.

use super::change_set::ChangeSet;
use super::second_factor::FactorProof;
use crate::realm::command::{Login, SecondFactorInput};
use crate::realm::key::Key;
use crate::realm::model::{
    AccountChecks, AuthenticatedBy, Before, EndReason, Fingerprint, LoginClient, Millis,
    PendingLogin, Session, SessionKind, SessionNo, TokenHash, TokenHashes, User, UserStatus,
    Verdict, WhenFull,
};
use crate::realm::outcome::{Applied, Outcome, Refusal, SessionSummary};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// The properties of a session to open.
pub(super) struct NewSession<'a> {
    pub(super) token_hashes: &'a TokenHashes,
    pub(super) host: &'a str,
    /// Whether a connection is bound to the session.
    pub(super) monitored: bool,
    pub(super) kind: SessionKind,
    /// The password hashed with the current cost; `None` if the stored hash is not replaced.
    pub(super) rehash: Option<std::sync::Arc<str>>,
}

/// A request to the login gate, after the first factor was proved: a login, or a refresh that
/// resumes a dormant session.
#[derive(Clone, Copy)]
pub(super) struct GateRequest<'a> {
    pub(super) user: &'a User,
    pub(super) client: &'a LoginClient,
    pub(super) factor: &'a SecondFactorInput,
    /// The pending login to finish, with the hash of its token.
    pub(super) pending: Option<(TokenHash, &'a PendingLogin)>,
    pub(super) checks: AccountChecks,
    /// Whether the request came on a WebSocket connection.
    pub(super) monitored: bool,
}

impl Realm {
    /// Decides a login whose password the handler or a directory checked.
    pub(in crate::realm) fn login(&self, at: Millis, login: &Login) -> Applied {
        let name = &login.user_name;
        let checks = login.authenticated_by.account_checks();
        if checks.are_enforced()
            && let Some(until) = self.locked_until(at, name, &login.client)
        {
            return Applied::refused(Refusal::Locked { until: Some(until) });
        }
        let Some(user) = self.user_by_name(name) else {
            // Regardless of the policy, the token API refuses an unknown name like a wrong
            // password. Unknown names must therefore be locked like known names.
            if !self.policy.uniform && login.session_kind == SessionKind::Interactive {
                return Applied::refused(Refusal::UnknownAccount);
            }
            return self.count_wrong_password(at, login);
        };
        let rejected = match login.authenticated_by {
            AuthenticatedBy::Password => self.reject_password(at, user, login),
            AuthenticatedBy::Directory { checks } => {
                self.reject_directory_user(at, user, login, checks)
            }
        };
        if let Some(rejected) = rejected {
            return rejected;
        }
        let request = GateRequest {
            user,
            client: &login.client,
            factor: &login.second_factor,
            pending: None,
            checks,
            monitored: login.monitored,
        };
        let new_session = NewSession {
            token_hashes: &login.token_hashes,
            host: &login.host,
            monitored: login.monitored,
            kind: login.session_kind,
            rehash: login.rehash.clone(),
        };
        self.open_login(at, &request, new_session)
    }

    fn count_wrong_password(&self, at: Millis, login: &Login) -> Applied {
        let (refusal, changes) = self.count_wrong(at, &login.user_name, &login.client);
        Applied::done(Outcome::Refused(refusal), changes)
    }

    /// Returns the refusal of a login whose password the directory checked; `None` if the directory
    /// confirmed the login and the user still belongs to the directory.
    fn reject_directory_user(
        &self,
        at: Millis,
        user: &User,
        login: &Login,
        checks: AccountChecks,
    ) -> Option<Applied> {
        // The previous command synchronized the record with the directory. If a local password was
        // set in between, the confirmation of the directory does not count.
        if login.verdict == Verdict::Matched && user.directory {
            return None;
        }
        Some(match checks {
            AccountChecks::Bypassed => Applied::refused(Refusal::IncorrectCredentials),
            AccountChecks::Enforced => self.count_wrong_password(at, login),
        })
    }

    /// Returns the refusal of a login whose password the gateway checked; `None` if the password is
    /// correct and is not a one-time password that has expired.
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
        let verified = login.verdict == Verdict::Matched && credential.is_some();
        let verified = verified && !self.is_reset_expired(at, user);
        (!verified).then(|| self.count_wrong_password(at, login))
    }

    /// Applies the login gate: the checks of account and second factor that are the same whenever a
    /// session is opened or resumed. The first factor must have been proved before.
    pub(super) fn gate(
        &self,
        at: Millis,
        request: &GateRequest<'_>,
    ) -> Result<FactorProof, Refusal> {
        let GateRequest { user, client, factor, pending, checks, .. } = *request;
        let pending = pending.or_else(|| self.earlier_factor(at, user, factor, client));
        match checks {
            AccountChecks::Bypassed if user.status == UserStatus::Disabled => {
                return Err(Refusal::Locked { until: None });
            }
            AccountChecks::Bypassed => {}
            AccountChecks::Enforced => {
                self.check_status(at, user)?;
                if let Some(until) = self.locked_until(at, &user.name, client) {
                    return Err(Refusal::Locked { until: Some(until) });
                }
            }
        }
        self.verify_factor(at, user, factor.presented.as_ref(), pending, client)
    }

    /// Returns the proof of a second factor that was accepted on this connection shortly before.
    fn earlier_factor<'a>(
        &'a self,
        at: Millis,
        user: &User,
        factor: &SecondFactorInput,
        client: &LoginClient,
    ) -> Option<(TokenHash, &'a PendingLogin)> {
        let hash = factor.earlier?;
        let earlier = self.pending_login(at, &hash)?;
        let is_own = earlier.user == user.no && earlier.epoch == user.proof_epoch;
        (is_own && earlier.network == client.network).then_some((hash, earlier))
    }

    /// Performs the last steps of every login: applies the login gate and the session limit, and
    /// opens the session.
    pub(super) fn open_login(
        &self,
        at: Millis,
        request: &GateRequest<'_>,
        new_session: NewSession<'_>,
    ) -> Applied {
        let user = request.user;
        let mut change_set = ChangeSet::default();
        let proof = match self.gate(at, request) {
            Ok(proof) => proof,
            Err(refusal @ Refusal::SecondFactor(..)) => {
                return self.refuse_second_factor(at, request, refusal);
            }
            Err(Refusal::StaleCredential) => return Applied::refused(Refusal::StaleCredential),
            Err(refusal) => return self.rejected(at, user, refusal),
        };
        if let Err(refusal) = self.enforce_session_limit(at, user, None, &mut change_set) {
            return self.rejected(at, user, refusal);
        }
        let verified = proof != FactorProof::NotRequired;
        let code_issued = self.consume_factor(at, user, proof, request.factor, &mut change_set);
        let finished = request.pending.map(|(hash, _)| Change::Delete(Key::PendingLogin(hash)));
        change_set.changes.extend(finished);
        change_set.changes.extend(self.forgive(at, &user.name, request.client));
        change_set.changes.extend(self.remember_place(at, user.no, request.client));
        let session = self.open_session(at, user, new_session, verified, &mut change_set);
        change_set.applied(if code_issued {
            Outcome::LoggedInWithActiveCode(session)
        } else {
            Outcome::LoggedIn(session)
        })
    }

    fn rejected(&self, at: Millis, user: &User, refusal: Refusal) -> Applied {
        Applied::done(Outcome::Refused(refusal), self.count_rejected(at, &user.name))
    }

    /// Marks the proof of the second factor as used. Returns whether an active code was issued.
    pub(super) fn consume_factor(
        &self,
        at: Millis,
        user: &User,
        proof: FactorProof,
        factor: &SecondFactorInput,
        change_set: &mut ChangeSet,
    ) -> bool {
        match proof {
            FactorProof::NotRequired => false,
            FactorProof::Verified(changes) => {
                change_set.changes.extend(changes);
                false
            }
            FactorProof::Link(pending) => {
                change_set.changes.push(Change::Delete(Key::PendingLogin(pending)));
                self.issue_active_code(at, user, factor, change_set)
            }
        }
    }

    /// Checks that the user's status and the age of the password allow a login.
    pub(super) fn check_status(&self, at: Millis, user: &User) -> Result<(), Refusal> {
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
        let kind = new_session.kind;
        let fixed_end = match kind {
            SessionKind::Interactive => None,
            SessionKind::Token => Some(at.saturating_add(self.effective_lifetimes().access_ms)),
        };
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
            refresh_until: at.saturating_add(self.refresh_ms(kind)),
            monitored: new_session.monitored,
            fixed_end,
            factor_verified,
            dormant: None,
            grace_pairs: Vec::new(),
            before,
            max_end: self.max_session_end(at, user),
            proved_at: 0,
            factor_proved_at: if factor_verified { self.if_current(at).unwrap_or(0) } else { 0 },
        }));
        no
    }

    /// Returns when a session that was opened at this time ends whatever its use.
    pub(super) fn max_session_end(&self, opened: Millis, user: &User) -> Option<Millis> {
        let of_directory = self.policy.directory_session_ms.filter(|_| user.directory);
        let limits = self.policy.max_session_ms.into_iter().chain(of_directory);
        limits.min().map(|limit| opened.saturating_add(limit))
    }

    /// Checks that the user may have one more live session; does nothing if the policy has no
    /// limit. Ends the user's sessions that timed out and, if the policy evicts, as many of the
    /// oldest live sessions as necessary. `resumed` is the session to resume: it does not end, even
    /// if it timed out. After a refusal, `change_set` is empty.
    pub(super) fn enforce_session_limit(
        &self,
        at: Millis,
        user: &User,
        resumed: Option<SessionNo>,
        change_set: &mut ChangeSet,
    ) -> Result<(), Refusal> {
        let Some(max) = self.policy.sessions_max else { return Ok(()) };
        let (mut live, mut due) = (Vec::new(), Vec::new());
        let not_dormant = |it: &&Session| it.dormant.is_none() && Some(it.no) != resumed;
        for session in self.sessions_of(user.no).filter(not_dormant) {
            if session.is_live(at, &self.policy) { live.push(session) } else { due.push(session) }
        }
        for session in due {
            self.end_session(session, session.timeout_reason(at), change_set);
        }
        let surplus = (live.len() + 1).saturating_sub(max as usize);
        if surplus > 0 && self.policy.when_full == WhenFull::Refuse {
            *change_set = ChangeSet::default();
            return Err(Refusal::SessionLimit(live.into_iter().map(session_summary).collect()));
        }
        live.sort_by_key(|session| session.opened);
        live.iter()
            .take(surplus)
            .for_each(|session| self.end_session(session, EndReason::Evicted, change_set));
        Ok(())
    }
}

fn session_summary(session: &Session) -> SessionSummary {
    SessionSummary { id: session.id, host: session.host.to_string(), accessed: session.accessed }
}
