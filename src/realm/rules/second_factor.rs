//! Second factors: TOTP secrets (RFC 6238), and the factor that a login requires.
//!
//! See Genesis authentication, "mfa". The handler checks TOTP codes, because the realm cannot
//! decrypt secrets. The realm records which codes were used, so that each is accepted once.

use std::sync::Arc;

use protocol::UserName;

use super::change_set::ChangeSet;
use crate::realm::command::{ConfirmSecret, CreateSecret, EnrolmentActor, PresentedFactor};
use crate::realm::key::Key;
use crate::realm::model::{
    Actor, Fingerprint, LoginClient, MfaReason, Millis, PendingLogin, PendingSecret,
    RequiredFactor, SecondFactor, Session, TokenHash, User, UserNo,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// How a second factor was proved.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FactorProof {
    /// No second factor was required.
    NotRequired,
    /// By a code or an enrolment. The changes mark the proof as used; they are empty for an active
    /// code ([`Row::ActiveCode`], which replaces mailed links), which can be used again.
    Verified(Vec<Change>),
    /// By the code of a mailed link. Contains the hash of the token of the pending login for which
    /// the link was mailed. An active code may be issued.
    Link(TokenHash),
}

impl Realm {
    /// Returns the second factor of a user.
    pub fn second_factor(&self, user: UserNo) -> Option<&SecondFactor> {
        self.second_factors.get(&user)
    }

    /// Returns all second factors, with their users.
    pub fn second_factors(&self) -> impl Iterator<Item = (UserNo, &SecondFactor)> {
        self.second_factors.iter().map(|(user, it)| (*user, it))
    }

    /// Returns the second factor that a login of this user requires; `None` if it requires none.
    pub fn required_factor(&self, user: &User) -> Option<RequiredFactor> {
        let mfa = &self.policy.mfa;
        let own = self.second_factors.get(&user.no);
        if mfa.totp && own.is_some_and(|it| it.enabled && it.confirmed.is_some()) {
            return Some(RequiredFactor::Totp);
        }
        if mfa.link.is_some() && self.is_among(user.no, &mfa.link_for) {
            return Some(RequiredFactor::Link);
        }
        (mfa.totp && self.is_among(user.no, &mfa.totp_for)).then_some(RequiredFactor::Enrol)
    }

    /// Whether a list of profiles includes this user; `*` includes all users.
    fn is_among(&self, user: UserNo, profiles: &[Box<str>]) -> bool {
        let is_in =
            |no| self.profile(no).is_some_and(|it| profiles.contains(&it.name.as_str().into()));
        profiles.iter().any(|it| **it == *"*")
            || (!profiles.is_empty() && self.profiles_of(user).any(is_in))
    }

    /// Checks the presented factor if a factor is required. `pending` is the pending login to
    /// finish; an enrolment during that login counts as the proof.
    pub(super) fn verify_factor(
        &self,
        at: Millis,
        user: &User,
        presented: Option<&PresentedFactor>,
        pending: Option<(TokenHash, &PendingLogin)>,
        client: &LoginClient,
    ) -> Result<FactorProof, Refusal> {
        let Some(required) = self.required_factor(user) else {
            return Ok(FactorProof::NotRequired);
        };
        if let Some((hash, PendingLogin { factor_verified: true, .. })) = pending {
            return Ok(FactorProof::Verified(vec![Change::Delete(Key::PendingLogin(hash))]));
        }
        let refused = |reason| Err(Refusal::SecondFactor(reason, required));
        let Some(presented) = presented.filter(|_| required != RequiredFactor::Enrol) else {
            return refused(if required == RequiredFactor::Enrol {
                MfaReason::Enrol
            } else {
                MfaReason::Required
            });
        };
        if let Some(until) = self.codes_locked_until(at, user.no, client) {
            return Err(Refusal::Locked { until: Some(until) });
        }
        let proof = match (required, presented) {
            (RequiredFactor::Totp, PresentedFactor::Totp { .. }) => {
                self.verify_totp(user.no, presented)?
            }
            (RequiredFactor::Totp, PresentedFactor::Code(code)) => {
                self.verify_recovery_code(user.no, code)
            }
            (_, PresentedFactor::Code(code)) => {
                self.verify_link_code(at, user.no, code, pending.map(|it| it.0))
            }
            _ => None,
        };
        proof.map_or_else(|| refused(MfaReason::Invalid), Ok)
    }

    fn verify_totp(
        &self,
        user: UserNo,
        presented: &PresentedFactor,
    ) -> Result<Option<FactorProof>, Refusal> {
        let PresentedFactor::Totp { checked, at_secs, reencrypted } = presented else {
            return Ok(None);
        };
        let Some(own) = self.second_factors.get(&user) else { return Ok(None) };
        if own.confirmed.as_deref().map(Fingerprint::new) != *checked {
            return Err(Refusal::StaleCredential);
        }
        let fresh = at_secs.filter(|at| *at > own.used_secs);
        Ok(fresh.map(|used_secs| {
            let confirmed = reencrypted.clone().or_else(|| own.confirmed.clone());
            let used = SecondFactor { used_secs, confirmed, ..own.clone() };
            FactorProof::Verified(vec![Change::Put(Row::SecondFactor(user, used))])
        }))
    }

    fn verify_recovery_code(&self, user: UserNo, code: &TokenHash) -> Option<FactorProof> {
        let own = self.second_factors.get(&user)?;
        let left: Vec<_> = own.recovery.iter().filter(|it| *it != code).copied().collect();
        (left.len() < own.recovery.len()).then(|| {
            let used = SecondFactor { recovery: left, ..own.clone() };
            FactorProof::Verified(vec![Change::Put(Row::SecondFactor(user, used))])
        })
    }

    /// Returns the user whose second factor is to be changed. Refused if the actor may not change
    /// this factor.
    fn enrolment_target(
        &self,
        at: Millis,
        actor: &EnrolmentActor,
        name: Option<&UserName>,
        right: &str,
    ) -> Result<&User, Refusal> {
        let none = || Refusal::NotFound("USER", name.map(ToString::to_string).unwrap_or_default());
        let found = name.map(|name| self.user_by_name(name).ok_or_else(none)).transpose();
        match actor {
            EnrolmentActor::PendingLogin(hash) => {
                let pending = self.pending_login(at, hash).ok_or(Refusal::RefreshExpired)?;
                let user = self.user(pending.user).ok_or(Refusal::RefreshExpired)?;
                // Only if a login of the user requires enrolment: a pending login must not replace
                // a second factor that logins require.
                let may = self.required_factor(user) == Some(RequiredFactor::Enrol);
                if name.is_none_or(|name| user.name == *name) && may {
                    Ok(user)
                } else {
                    Err(Refusal::RefreshExpired)
                }
            }
            EnrolmentActor::Actor(actor) => {
                let own = match actor {
                    Actor::Session(no) => self.sessions.get(no).map(|it| it.user),
                    Actor::Operator => None,
                };
                let user = match (found, own) {
                    (Ok(None), Some(own)) => self.user(own).ok_or(Refusal::NoSession)?,
                    (Ok(Some(user)), _) => user,
                    (Ok(None), None) => return Err(none()),
                    (Err(missing), _) => return self.permit(at, actor, right).and(Err(missing)),
                };
                self.permit_or_self(at, actor, right, user.no)?;
                self.may_change_user(actor, user.no)?;
                self.check_own_factor(actor, user)?;
                self.require_recent_proof(at, actor)?;
                Ok(user)
            }
        }
    }

    /// Refuses a change of the actor's own enabled TOTP secret by a session for which no second
    /// factor was proved.
    fn check_own_factor(&self, actor: &Actor, user: &User) -> Result<(), Refusal> {
        let Actor::Session(no) = actor else { return Ok(()) };
        let own = self.sessions.get(no).filter(|session| session.user == user.no);
        let is_unverified = own.is_some_and(|it| !it.factor_verified);
        if is_unverified && self.required_factor(user) == Some(RequiredFactor::Totp) {
            Err(Refusal::SecondFactor(MfaReason::Required, RequiredFactor::Totp))
        } else {
            Ok(())
        }
    }

    /// Stores a new secret that must be confirmed. Until then, an earlier secret stays in force.
    pub(in crate::realm) fn create_secret(&self, at: Millis, create: &CreateSecret) -> Applied {
        let plan = || {
            let user =
                self.enrolment_target(at, &create.actor, create.user_name.as_ref(), "MFA_CREATE")?;
            let until = at.saturating_add(self.policy.mfa.confirm_ms);
            let pending =
                Some(PendingSecret { encrypted: create.encrypted.clone(), until, wrong: 0 });
            let own = self.second_factors.get(&user.no).cloned().unwrap_or_default();
            let row = Row::SecondFactor(user.no, SecondFactor { pending, ..own });
            Ok(Applied::done(Outcome::Done, vec![Change::Put(row)]))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Puts a new secret into force after one of its codes was presented in time.
    pub(in crate::realm) fn confirm_secret(&self, at: Millis, confirm: &ConfirmSecret) -> Applied {
        let plan = || {
            let user = self.enrolment_target(
                at,
                &confirm.actor,
                confirm.user_name.as_ref(),
                "MFA_CONFIRM",
            )?;
            let late = Refusal::SecondFactor(MfaReason::Expired, RequiredFactor::Enrol);
            let own = self.second_factors.get(&user.no).cloned().unwrap_or_default();
            let Some(pending) = own.pending.clone() else { return Err(late) };
            if at >= pending.until {
                return Err(late);
            }
            if Some(Fingerprint::new(&pending.encrypted)) != confirm.checked {
                return Err(Refusal::StaleCredential);
            }
            let Some(used_secs) = confirm.at_secs else {
                return Ok(self.count_wrong_confirmation(user.no, own, pending));
            };
            let mut change_set = ChangeSet::default();
            change_set.put(Row::SecondFactor(
                user.no,
                SecondFactor {
                    confirmed: Some(pending.encrypted),
                    enabled: true,
                    pending: None,
                    used_secs: used_secs.max(own.used_secs),
                    recovery: confirm.recovery.clone(),
                    day: own.day,
                },
            ));
            let user = self.void_proofs_of_factor(user, &confirm.actor, &mut change_set);
            self.mark_factor_verified(at, &confirm.actor, &user, &mut change_set);
            Ok(change_set.applied(Outcome::Done))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Records that the second factor is proved for the pending login or session with which users
    /// confirmed their own secret.
    fn mark_factor_verified(
        &self,
        at: Millis,
        actor: &EnrolmentActor,
        user: &User,
        change_set: &mut ChangeSet,
    ) {
        match actor {
            EnrolmentActor::PendingLogin(hash) => {
                let pending = self.pending_login(at, hash).cloned();
                let epoch = user.proof_epoch;
                pending.into_iter().for_each(|it| {
                    let verified = PendingLogin { factor_verified: true, epoch, ..it };
                    change_set.put(Row::PendingLogin(*hash, verified));
                });
            }
            EnrolmentActor::Actor(Actor::Session(no)) => {
                let own = self.session(*no).filter(|it| it.user == user.no).cloned();
                let verified = own.map(|it| Session {
                    factor_verified: true,
                    factor_proved_at: self.if_current(at).unwrap_or(0),
                    ..it
                });
                verified.into_iter().for_each(|it| change_set.put(Row::Session(it)));
            }
            EnrolmentActor::Actor(Actor::Operator) => {}
        }
    }

    fn count_wrong_confirmation(
        &self,
        user: UserNo,
        own: SecondFactor,
        pending: PendingSecret,
    ) -> Applied {
        let wrong = pending.wrong + 1;
        let may_retry = wrong < self.policy.mfa.codes_max;
        let pending = may_retry.then_some(PendingSecret { wrong, ..pending });
        let row = Row::SecondFactor(user, SecondFactor { pending, ..own });
        let refusal = Refusal::SecondFactor(MfaReason::Invalid, RequiredFactor::Enrol);
        Applied::done(Outcome::Refused(refusal), vec![Change::Put(row)])
    }

    /// Sets whether a login requires a code of the user's confirmed secret.
    pub(in crate::realm) fn set_second_factor(
        &self,
        at: Millis,
        actor: &Actor,
        name: &UserName,
        enabled: bool,
    ) -> Applied {
        let plan = || {
            let right = if enabled { "MFA_ENABLE" } else { "MFA_DISABLE" };
            let user = self.enrolment_target(
                at,
                &EnrolmentActor::Actor(actor.clone()),
                Some(name),
                right,
            )?;
            let own = self.second_factors.get(&user.no).filter(|it| it.confirmed.is_some());
            let none = || Refusal::NotFound("SECOND_FACTOR", name.to_string());
            let own = own.ok_or_else(none)?;
            if !enabled && self.is_among(user.no, &self.policy.mfa.totp_for) {
                // Users who must have a TOTP secret may not disable their own.
                self.permit(at, actor, right)?;
                self.not_own(actor, user.no)?;
            }
            let mut change_set = ChangeSet::default();
            let row = Row::SecondFactor(user.no, SecondFactor { enabled, ..own.clone() });
            change_set.put(row);
            if enabled != own.enabled {
                let actor = EnrolmentActor::Actor(actor.clone());
                self.void_proofs_of_factor(user, &actor, &mut change_set);
            }
            if !enabled && !self.is_first_edition() {
                let codes = self.active_codes_of(user.no).map(Key::ActiveCode);
                change_set.changes.extend(codes.map(Change::Delete));
            }
            Ok(change_set.applied(Outcome::Done))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Stores secrets that were encrypted again with the current key. A secret that changed
    /// meanwhile is left unchanged.
    pub(in crate::realm) fn reencrypt(
        &self,
        reencrypted: &[(UserNo, Fingerprint, Arc<str>)],
    ) -> Applied {
        let replacement = |(user, checked, encrypted): &(UserNo, Fingerprint, Arc<str>)| {
            let own = self.second_factors.get(user)?;
            let same = own.confirmed.as_deref().map(Fingerprint::new) == Some(*checked);
            let confirmed = Some(encrypted.clone());
            let row = Row::SecondFactor(*user, SecondFactor { confirmed, ..own.clone() });
            same.then_some(Change::Put(row))
        };
        Applied::done(Outcome::Done, reencrypted.iter().filter_map(replacement).collect())
    }

    /// Returns the changes that remove expired unconfirmed secrets. A row without a confirmed
    /// secret is deleted, unless the row counts wrong codes.
    pub(super) fn expired_pending_secrets(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        self.second_factors.iter().filter_map(move |(user, it)| {
            let late = it.pending.as_ref().is_some_and(|it| it.until <= at);
            late.then(|| {
                let row = SecondFactor { pending: None, ..it.clone() };
                if row.confirmed.is_none() && row.day.wrong == 0 {
                    Change::Delete(Key::SecondFactor(*user))
                } else {
                    Change::Put(Row::SecondFactor(*user, row))
                }
            })
        })
    }
}
