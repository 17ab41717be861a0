//! Reauthentication: the user of a session proves the password, and the second factor, again.

use super::second_factor::FactorProof;
use crate::realm::command::{Command, Reauthenticate};
use crate::realm::model::{
    Actor, AuthenticatedBy, Fingerprint, MfaReason, Millis, ProfileNo, RequiredFactor, RightNo,
    Session, User, Verdict, is_administration,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Marks a session as recently proved. A wrong password or code counts as at a login.
    pub(in crate::realm) fn reauthenticate(&self, at: Millis, proof: &Reauthenticate) -> Applied {
        let session = self.session(proof.session).filter(|it| it.is_live(at, &self.policy));
        let found = session.and_then(|session| Some((session, self.user(session.user)?)));
        let Some((session, user)) = found else { return Applied::refused(Refusal::NoSession) };
        if let Some(until) = self.locked_until(at, &user.name, &proof.client) {
            return Applied::refused(Refusal::Locked { until: Some(until) });
        }
        if user.credential.as_deref().map(Fingerprint::new) != proof.checked {
            return Applied::refused(Refusal::StaleCredential);
        }
        let is_own = match proof.authenticated_by {
            AuthenticatedBy::Password => !self.is_reset_expired(at, user),
            AuthenticatedBy::Directory { .. } => user.directory,
        };
        if proof.verdict != Verdict::Matched || !is_own {
            let (refusal, changes) = self.count_wrong(at, &user.name, &proof.client);
            return Applied::done(Outcome::Refused(refusal), changes);
        }
        match self.prove_totp(at, user, proof.presented.as_ref(), &proof.client) {
            Err(refused) => *refused,
            Ok(factor) => self.mark_proved(at, session, user, proof, factor),
        }
    }

    fn mark_proved(
        &self,
        at: Millis,
        session: &Session,
        user: &User,
        proof: &Reauthenticate,
        factor: FactorProof,
    ) -> Applied {
        let mut changes: Vec<_> = self.forgive(at, &user.name, &proof.client).into_iter().collect();
        let mut proved = Session { proved_at: at, ..session.clone() };
        if let FactorProof::Verified(used) = factor {
            (proved.factor_verified, proved.factor_proved_at) = (true, at);
            changes.extend(used);
        }
        changes.push(Change::Put(Row::Session(proved)));
        Applied::done(Outcome::Done, changes)
    }

    /// Checks the code of a user whose logins require one, outside of a login. A wrong code is
    /// counted; the error is the refusal with this count.
    pub(super) fn prove_totp(
        &self,
        at: Millis,
        user: &User,
        presented: Option<&crate::realm::command::PresentedFactor>,
        client: &crate::realm::model::LoginClient,
    ) -> Result<FactorProof, Box<Applied>> {
        let totp = RequiredFactor::Totp;
        if self.is_first_edition() || self.required_factor(user) != Some(totp) {
            return Ok(FactorProof::NotRequired);
        }
        self.verify_factor(at, user, presented, None, client).map_err(|refusal| {
            let is_wrong = refusal == Refusal::SecondFactor(MfaReason::Invalid, totp);
            let counted = is_wrong.then(|| self.count_wrong_code(at, user, client));
            Applied::done(Outcome::Refused(refusal), counted.unwrap_or_default()).into()
        })
    }

    /// Checks that the password of the actor was proved recently.
    pub(super) fn require_recent_proof(&self, at: Millis, actor: &Actor) -> Result<(), Refusal> {
        let Actor::Session(no) = actor else { return Ok(()) };
        let session = self.session(*no).ok_or(Refusal::NoSession)?;
        if self.is_first_edition() || session.is_recently_proved(at, &self.policy) {
            Ok(())
        } else {
            Err(Refusal::ReauthenticationRequired)
        }
    }

    /// Whether a command that the policy demands a recent proof for has one: a grant of
    /// administration rights, or a change of the lifetimes of tokens.
    pub(in crate::realm) fn is_proved_recently_enough(
        &self,
        at: Millis,
        command: &Command,
        changes: &[Change],
    ) -> bool {
        let Some(actor) = command.actor().filter(|_| self.policy.reauthentication_for_all) else {
            return true;
        };
        let needs_proof = matches!(command, Command::AmendTokenLifetimes(..))
            || changes.iter().any(|change| self.grants_administration(change));
        !needs_proof || self.require_recent_proof(at, actor).is_ok()
    }

    fn grants_administration(&self, change: &Change) -> bool {
        let is_one = |right: &RightNo| {
            self.right(*right).is_some_and(|it| is_administration(it.code.as_str()))
        };
        let has_one = |profile: &ProfileNo| self.grants_of(*profile).any(|right| is_one(&right));
        match change {
            Change::Put(Row::Grant(_, right) | Row::Direct(_, right)) => is_one(right),
            Change::Put(Row::Member(profile, _)) => has_one(profile),
            _ => false,
        }
    }
}
