//! Credentials: password hashes, changed by messages or on the command line.

use std::sync::Arc;

use super::change_set::ChangeSet;
use super::second_factor::FactorProof;
use crate::realm::command::{ChangePassword, SetCredential};
use crate::realm::key::Key;
use crate::realm::model::{
    AccountChecks, EndReason, Fingerprint, Millis, PendingLogin, User, UserNo, UserStatus, Verdict,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Time after a change of the password in which a login on the same connection needs no second
/// code.
const EARLIER_FACTOR_MS: Millis = 120_000;

impl Realm {
    /// Changes a password if the old password is correct, and ends the user's other sessions. A
    /// wrong old password counts as a failed attempt.
    pub(in crate::realm) fn change_password(&self, at: Millis, change: &ChangePassword) -> Applied {
        let name = &change.user_name;
        if let Some(actor) = &change.actor {
            let reached = || {
                let user = self.user_by_name(name);
                user.map_or(Ok(()), |user| self.may_reach(actor, user.no))
            };
            if let Err(refusal) = self.permit(at, actor, "CHANGE_PWD").and_then(|()| reached()) {
                return Applied::refused(refusal);
            }
        }
        if let Some(until) = self.locked_until(at, name, &change.client) {
            return Applied::refused(Refusal::Locked { until: Some(until) });
        }
        let Some(user) = self.user_by_name(name) else {
            if !self.policy.uniform {
                return Applied::refused(Refusal::UnknownAccount);
            }
            let (refusal, changes) = self.count_wrong(at, name, &change.client);
            return Applied::done(Outcome::Refused(refusal), changes);
        };
        if user.directory && !self.policy.uniform {
            return Applied::refused(Refusal::ManagedByDirectory);
        }
        if user.credential.as_deref().map(Fingerprint::new) != change.checked {
            return Applied::refused(Refusal::StaleCredential);
        }
        let is_correct = match change.verdict {
            Verdict::Matched => !self.is_reset_expired(at, user),
            Verdict::Blank => self.is_blank(at, user),
            Verdict::Wrong => false,
        };
        let (true, Some(credential)) = (is_correct, &change.credential) else {
            let (refusal, changes) = self.count_wrong(at, name, &change.client);
            return Applied::done(Outcome::Refused(refusal), changes);
        };
        if user.status == UserStatus::Disabled {
            return Applied::refused(Refusal::Locked { until: None });
        }
        match self.prove_factor(at, user, change, credential) {
            Err(refused) => *refused,
            Ok(mut also) => {
                also.extend(self.forgive(at, name, &change.client));
                self.replace_password(at, user, credential.clone(), change.keep, true, also)
            }
        }
    }

    /// Checks the second factor of a change of the password, unless it was proved recently for the
    /// session that stays. Returns the changes that mark the proof as used.
    fn prove_factor(
        &self,
        at: Millis,
        user: &User,
        change: &ChangePassword,
        credential: &Arc<str>,
    ) -> Result<Vec<Change>, Box<Applied>> {
        let kept = change.keep.and_then(|no| self.session(no)).filter(|it| it.user == user.no);
        if kept.is_some_and(|it| it.factor_is_recently_proved(at, &self.policy)) {
            return Ok(Vec::new());
        }
        match self.prove_totp(at, user, change.presented.as_ref(), &change.client)? {
            FactorProof::Verified(mut used) => {
                used.extend(self.keep_factor(at, user, change, credential));
                Ok(used)
            }
            FactorProof::NotRequired | FactorProof::Link(_) => Ok(Vec::new()),
        }
    }

    /// Returns the row by which the connection that proved the second factor logs in without a
    /// second code.
    fn keep_factor(
        &self,
        at: Millis,
        user: &User,
        change: &ChangePassword,
        credential: &Arc<str>,
    ) -> Option<Change> {
        let hash = change.earlier_factor?;
        let pending = PendingLogin {
            user: user.no,
            until: at.saturating_add(EARLIER_FACTOR_MS),
            checked: Some(Fingerprint::new(credential)),
            checks: AccountChecks::Enforced,
            wrong: 0,
            factor_verified: true,
            codes: Vec::new(),
            codes_until: 0,
            mailed: 0,
            epoch: self.next_epoch(user),
            network: change.client.network.clone(),
            monitored: true,
        };
        Some(Change::Put(Row::PendingLogin(hash, pending)))
    }

    /// Sets the password of a user. Used by the command line while the gateway is stopped.
    pub(in crate::realm) fn set_credential(&self, at: Millis, set: &SetCredential) -> Applied {
        let Some(user) = self.user_by_name(&set.user_name) else {
            return Applied::refused(Refusal::NotFound("USER", set.user_name.to_string()));
        };
        let has_attempts = self.attempts.contains_key(&user.name);
        let forgiven = has_attempts.then(|| Change::Delete(Key::Attempts(user.name.clone())));
        self.replace_password(at, user, set.credential.clone(), None, true, forgiven)
    }

    /// Whether the password must be changed because of its age. Always false for users of a
    /// directory.
    pub fn is_too_old(&self, at: Millis, user: &User) -> bool {
        let age = self.policy.password_age_ms;
        let is_exceeded = |age| at >= user.credential_at.saturating_add(age);
        !user.directory && age.is_some_and(is_exceeded)
    }

    /// Returns the hashes that a new password of this user must not match: the current hash and the
    /// former hashes, newest first.
    pub fn remembered_hashes(&self, user: &User) -> Vec<Arc<str>> {
        let old = self.histories.get(&user.no).into_iter().flatten();
        let all = user.credential.iter().chain(old).cloned();
        all.take(self.policy.history.into()).collect()
    }

    /// Returns the row of former hashes to store when the current hash is replaced; `None` if the
    /// row does not change. A one-time password is not remembered, because the user did not choose
    /// it.
    pub(super) fn history_after(&self, user: &User) -> Option<Row> {
        let kept = usize::from(self.policy.history).saturating_sub(1);
        let own = user.credential.iter().filter(|_| user.status != UserStatus::PasswordReset);
        let old = self.histories.get(&user.no).into_iter().flatten();
        let all: Vec<_> = own.chain(old).take(kept).cloned().collect();
        let stored = self.histories.get(&user.no).map_or(&[][..], |stored| stored);
        (all != stored).then(|| Row::History(user.no, all.into()))
    }

    /// Stores a new password, which makes the user a local user and ends a required password
    /// change. With `end_others`, all sessions of the user end, except `keep`. `also` contains
    /// further changes of the command.
    pub(super) fn replace_password(
        &self,
        at: Millis,
        old: &User,
        credential: Arc<str>,
        keep: Option<crate::realm::model::SessionNo>,
        end_others: bool,
        also: impl IntoIterator<Item = Change>,
    ) -> Applied {
        let credential = Some(credential);
        let mut user = User {
            credential,
            credential_at: at,
            directory: false,
            proof_epoch: self.next_epoch(old),
            must_change: None,
            ..old.clone()
        };
        if user.status != UserStatus::Disabled {
            user.status = UserStatus::Enabled;
        }
        user.version += 1;
        let no: UserNo = user.no;
        let mut change_set = ChangeSet::default();
        change_set.put(Row::User(user));
        self.history_after(old).into_iter().for_each(|row| change_set.put(row));
        change_set.changes.extend(also);
        if end_others {
            self.end_all(no, EndReason::PasswordChanged, keep, &mut change_set);
        }
        change_set.applied(Outcome::Done)
    }
}
