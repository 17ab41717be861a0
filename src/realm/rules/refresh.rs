//! Refreshes: new token pairs for live sessions, and the resuming of dormant sessions.
//!
//! A dormant session has ended, but has a valid refresh token. Resuming it needs the checks of a
//! login (the login gate).

use protocol::UserName;

use super::change_set::ChangeSet;
use super::login::GateRequest;
use super::second_factor::FactorProof;
use crate::realm::command::{Refresh, SecondFactorInput};
use crate::realm::key::Key;
use crate::realm::model::{
    AccountChecks, EndReason, GracePair, Millis, Session, TokenHashes, User,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, RotatedToken, Row};
use crate::realm::state::Realm;

/// Maximum number of rotated tokens of one session that are remembered.
const ROTATED_TOKENS_MAX: usize = 256;
/// Maximum number of token pairs of one session that have a grace period. One row contains all of
/// them, and the length of a row is limited.
const GRACE_PAIRS_MAX: usize = 4;

impl Realm {
    /// Decides a refresh: a live session gets a new token pair, a dormant session is resumed.
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
        if at >= session.refresh_until
            || session.is_too_old(at)
            || !names(user, refresh.user_name.as_ref())
        {
            return Applied::refused(Refusal::RefreshExpired);
        }
        let mut change_set = ChangeSet::default();
        let verified = match self.check_refresh(at, session, user, refresh, &mut change_set) {
            Ok(verified) => verified,
            Err(refusal @ Refusal::SecondFactor(..)) => {
                let request = resume_request(user, refresh, &refresh.second_factor);
                return self.refuse_second_factor(at, &request, refusal);
            }
            Err(refusal) => return Applied::refused(refusal),
        };
        self.rotate(at, (session, user), refresh, verified, &mut change_set);
        change_set.applied(Outcome::Refreshed(session.no))
    }

    /// Checks a refresh. Returns whether a second factor was proved for the session, now or before.
    /// A live session is refreshed regardless of its user's status, but needs the required second
    /// factor if none was proved before. A session that is dormant or timed out must pass the login
    /// gate.
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
        let factor = &refresh.second_factor;
        let proof = match (live, session.factor_verified) {
            (true, _) => {
                self.verify_factor(at, user, factor.presented.as_ref(), None, &refresh.client)?
            }
            (false, true) => {
                let none = SecondFactorInput::default();
                match self.gate(at, &resume_request(user, refresh, &none)) {
                    // The factor was proved for this session before.
                    Err(Refusal::SecondFactor(..)) => FactorProof::NotRequired,
                    proof => proof?,
                }
            }
            (false, false) => self.gate(at, &resume_request(user, refresh, factor))?,
        };
        if !live {
            change_set.no_longer_dormant.insert(session.no);
            self.enforce_session_limit(at, user, Some(session.no), change_set)?;
        }
        let verified = session.factor_verified || proof != FactorProof::NotRequired;
        self.consume_factor(at, user, proof, factor, change_set);
        Ok(verified)
    }

    fn rotate(
        &self,
        at: Millis,
        (session, user): (&Session, &User),
        refresh: &Refresh,
        factor_verified: bool,
        change_set: &mut ChangeSet,
    ) {
        let TokenHashes { id, token, refresh: next } = refresh.token_hashes.clone();
        // Several browser tabs may try to resume a dormant session at the same time. The replaced
        // refresh token therefore has a grace period, too. The old session token stays invalid.
        let is_live = session.is_live(at, &self.policy);
        let grace_pair = GracePair {
            token: if is_live { session.token } else { token },
            refresh: session.refresh,
            encrypted: if self.policy.rotation { refresh.encrypted.clone() } else { Vec::new() },
            until: at.saturating_add(self.policy.grace_ms),
        };
        if self.policy.rotation {
            let rotated = RotatedToken { session: session.no, until: session.refresh_until };
            change_set.put(Row::RotatedToken(session.refresh, rotated));
            let surplus =
                (self.rotated_tokens_of(session.no).count() + 1).saturating_sub(ROTATED_TOKENS_MAX);
            let oldest = self.rotated_tokens_of(session.no).take(surplus);
            change_set.changes.extend(oldest.map(|hash| Change::Delete(Key::RotatedToken(hash))));
        }
        // A slow browser tab may be several refreshes behind: each old pair has its own grace
        // period.
        let valid = session.grace_pairs.iter().filter(|it| it.until > at).cloned();
        let kept: Vec<_> = valid.collect();
        let kept = kept.into_iter().rev().take(GRACE_PAIRS_MAX - 1).rev();
        change_set.put(Row::Session(Session {
            id,
            token,
            refresh: if self.policy.rotation { next } else { session.refresh },
            host: refresh.host.as_str().into(),
            accessed: at,
            refresh_until: at.saturating_add(self.refresh_ms(session.kind())),
            fixed_end: session
                .fixed_end
                .map(|_| at.saturating_add(self.effective_lifetimes().access_ms)),
            monitored: session.monitored || refresh.monitored,
            factor_verified,
            dormant: None,
            grace_pairs: kept.chain([grace_pair]).collect(),
            max_end: self.max_session_end(session.opened, user),
            factor_proved_at: self.factor_proof_time(at, session, factor_verified),
            ..session.clone()
        }));
    }

    /// Returns when the second factor was last proved for a session after a refresh.
    fn factor_proof_time(&self, at: Millis, session: &Session, factor_verified: bool) -> Millis {
        let is_new = factor_verified && !session.factor_verified;
        self.if_current(at).filter(|_| is_new).unwrap_or(session.factor_proved_at)
    }

    /// Handles a refresh token that is not current. Within its grace period, a rotated token gets
    /// the same new pair as at its first use. After the grace period, its use revokes the session.
    /// An unknown token gets the same refusal as an expired token.
    fn handle_rotated_token(&self, at: Millis, refresh: &Refresh) -> Applied {
        let session = self
            .rotated_tokens
            .get(&refresh.presented)
            .and_then(|it| self.sessions.get(&it.session));
        let Some(session) = session else { return Applied::refused(Refusal::RefreshExpired) };
        let user = self.user(session.user);
        let grace_pairs = session.grace_pairs.iter();
        let mut grace_pairs =
            grace_pairs.filter(|it| it.refresh == refresh.presented && at < it.until);
        match grace_pairs.next() {
            Some(grace_pair) => {
                if !user.is_some_and(|user| names(user, refresh.user_name.as_ref())) {
                    return Applied::refused(Refusal::RefreshExpired);
                }
                Applied::done(
                    Outcome::RotatedEarlier(session.no, grace_pair.encrypted.clone()),
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

/// Returns the request to the login gate for a refresh that resumes a session. For a live session,
/// it is used only to refuse a missing or wrong second factor.
fn resume_request<'a>(
    user: &'a User,
    refresh: &'a Refresh,
    factor: &'a SecondFactorInput,
) -> GateRequest<'a> {
    GateRequest {
        user,
        client: &refresh.client,
        factor,
        pending: None,
        checks: AccountChecks::Enforced,
        monitored: refresh.monitored,
    }
}

/// Whether the user has the name in the request; true if the request names no user.
fn names(user: &User, named: Option<&UserName>) -> bool {
    named.is_none_or(|name| *name == user.name)
}
