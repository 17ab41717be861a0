//! Administration of passwords, login attempts and sessions: reset, expire, unlock, end.

use protocol::UserName;

use super::change_set::ChangeSet;
use crate::realm::command::ResetPassword;
use crate::realm::key::Key;
use crate::realm::model::{
    Actor, EndReason, MailKind, Millis, MustChange, SessionNo, User, UserStatus,
};
use crate::realm::outcome::{Applied, ChangedLists, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Whether the password of this user was reset and may still be changed. Until the change, the
    /// user may do nothing else.
    pub fn reset_is_open(&self, at: Millis, user: &User) -> bool {
        user.status == UserStatus::PasswordReset
            && at < user.credential_at.saturating_add(self.policy.reset_ms)
    }

    /// Whether an empty old password permits the password change. Only the policy `blank_reset`
    /// allows this: after a reset that set no one-time password, until the new password is set or
    /// the reset expires.
    pub(super) fn is_blank(&self, at: Millis, user: &User) -> bool {
        let blank = user.credential.is_none() && !user.directory;
        self.policy.blank_reset && blank && self.reset_is_open(at, user)
    }

    /// Whether the time in which a one-time password can be used has passed. The password is then
    /// refused.
    pub(super) fn is_reset_expired(&self, at: Millis, user: &User) -> bool {
        if self.is_first_edition() {
            return user.status == UserStatus::PasswordReset && !self.reset_is_open(at, user);
        }
        let is_over = |life| at >= user.credential_at.saturating_add(life);
        user.must_change() == Some(MustChange::OneTime)
            && self.policy.one_time_password_ms.is_some_and(is_over)
    }

    /// Replaces a password by a one-time password, or removes the password, and ends all sessions
    /// of the user.
    pub(in crate::realm) fn reset_password(
        &self,
        at: Millis,
        actor: &Actor,
        reset: &ResetPassword,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "RESET_PWD")?;
            let old = self.find_named(&reset.user_name)?;
            self.may_change_user(actor, old.no)?;
            if old.directory {
                return Err(Refusal::ManagedByDirectory);
            }
            if old.status == UserStatus::Disabled {
                return Err(Refusal::Disabled(old.name.to_string()));
            }
            let mut user = User {
                status: UserStatus::PasswordReset,
                proof_epoch: self.next_epoch(old),
                must_change: self.if_current(MustChange::OneTime),
                ..old.clone()
            };
            let mut change_set = ChangeSet::default();
            self.end_all(user.no, EndReason::PasswordChanged, None, &mut change_set);
            user.credential = reset.credential.clone();
            user.credential_at = at;
            self.history_after(old).into_iter().for_each(|row| change_set.put(row));
            if reset.mailed
                && !self.queue_mail(at, at, &user, MailKind::OneTimePassword, &mut change_set)
            {
                return Err(Refusal::MailQueueFull);
            }
            let applied = self.administered(user, change_set)?;
            // A session must not get a new password of its own user without the current one.
            if self.administrator_remains(&applied.changes) {
                self.not_own(actor, old.no)?;
            }
            Ok(applied)
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Requires a password change at the next login; sessions and rights remain.
    pub(in crate::realm) fn expire_password(
        &self,
        at: Millis,
        actor: &Actor,
        name: &UserName,
    ) -> Applied {
        let plan = || {
            let old = self.find_target(at, actor, "EXPIRE_PWD", name)?;
            if old.directory {
                return Err(Refusal::ManagedByDirectory);
            }
            // A disabled user stays disabled. After a reset, a new password is required already.
            let status = match old.status {
                UserStatus::Enabled => UserStatus::PasswordExpired,
                status => status,
            };
            let required = old.must_change().unwrap_or(MustChange::Expired);
            let (proof_epoch, must_change) = (self.next_epoch(old), self.if_current(required));
            let user = User { status, proof_epoch, must_change, ..old.clone() };
            self.administered(user, ChangeSet::default())
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Sets the count of wrong passwords under a name. Zero deletes the attempts. A count that
    /// reaches the limit locks the name.
    pub(in crate::realm) fn set_attempts(
        &self,
        at: Millis,
        actor: &Actor,
        name: &UserName,
        wrong: u32,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "RESET_ATTEMPTS")?;
            if let Some(user) = self.user_by_name(name) {
                self.not_own(actor, user.no)?;
                self.may_reach(actor, user.no)?;
            }
            let none = || Refusal::NotFound("USER_LOGIN_ATTEMPT", name.to_string());
            let old = self.attempts.get(name).ok_or_else(none)?;
            let key = Key::Attempts(name.clone());
            let user = self.user_by_name(name).filter(|_| !self.is_first_edition());
            let mut changes = user.map(|user| self.forgive_codes(user.no)).unwrap_or_default();
            if wrong == 0 {
                changes.push(Change::Delete(key));
                return Ok(Applied::done(Outcome::Done, changes));
            }
            let until = at.saturating_add(self.policy.lock_ms);
            let until = (wrong >= self.policy.attempts_max).then_some(until);
            let attempts = old.set_to(wrong, until, at);
            changes.push(Change::Put(Row::Attempts(name.clone(), attempts)));
            Ok(Applied::done(Outcome::Done, changes))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Ends a session of any user, live or dormant, and invalidates all its tokens.
    pub(in crate::realm) fn end_other_session(
        &self,
        at: Millis,
        actor: &Actor,
        session: SessionNo,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "LOGOUT_OTHERS")?;
            let session = self.sessions.get(&session).ok_or(Refusal::NoSession)?;
            self.may_reach(actor, session.user)?;
            let mut change_set = ChangeSet::default();
            self.end_session(session, EndReason::Revoked, &mut change_set);
            Ok(change_set.applied(Outcome::EndedSessions(1)))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Ends all sessions of a user, live and dormant, and invalidates all their tokens.
    pub(in crate::realm) fn end_sessions_of(
        &self,
        at: Millis,
        actor: &Actor,
        name: &UserName,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "LOGOUT_OTHERS")?;
            let user = self.find_named(name)?;
            self.may_change_user(actor, user.no)?;
            let mut change_set = ChangeSet::default();
            self.end_all(user.no, EndReason::Revoked, None, &mut change_set);
            let ended = self.sessions_of(user.no).count();
            Ok(change_set.applied(Outcome::EndedSessions(ended)))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Returns the user that a command of this actor concerns. Refused if this is not the actor's
    /// own user and the actor lacks the right, or may not change this user.
    pub(super) fn find_target(
        &self,
        at: Millis,
        actor: &Actor,
        right: &str,
        name: &UserName,
    ) -> Result<&User, Refusal> {
        match self.user_by_name(name) {
            Some(user) => self.permit_or_self(at, actor, right, user.no)?,
            None => self.permit(at, actor, right)?,
        }
        let user = self.find_named(name)?;
        self.may_change_user(actor, user.no)?;
        Ok(user)
    }

    fn find_named(&self, name: &UserName) -> Result<&User, Refusal> {
        self.user_by_name(name).ok_or_else(|| Refusal::NotFound("USER", name.to_string()))
    }

    /// Saves the record with the next version.
    fn administered(&self, mut user: User, mut change_set: ChangeSet) -> Result<Applied, Refusal> {
        user.version += 1;
        let done = ChangedLists { id: user.id(), version: user.version, ..ChangedLists::default() };
        change_set.put(Row::User(user));
        Ok(change_set.applied(Outcome::User(done)))
    }
}
