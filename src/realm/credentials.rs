//! Credentials: the hashes of passwords, changed by their owner or by the operator.

use super::command::{ChangePassword, Fingerprint, SetCredential, Verdict};
use super::ids::UserNo;
use super::outcome::{Applied, EndReason, Outcome, Refusal};
use super::row::{Change, Key, Row};
use super::sessions::Steps;
use super::users::{User, UserStatus};
use super::{Millis, Realm};

impl Realm {
    /// The owner knows the old password: the new one holds, other sessions end. A wrong old
    /// password counts as an attempt.
    pub(super) fn change_password(&self, at: Millis, change: &ChangePassword) -> Applied {
        let name = &change.user_name;
        if let Some(by) = &change.by
            && let Err(refusal) = self.permit(at, by, "CHANGE_PWD")
        {
            return Applied::refused(refusal);
        }
        if let Some(until) = self.locked_until(at, name) {
            return Applied::refused(Refusal::Locked { until: Some(until) });
        }
        let Some(user) = self.user_by_name(name) else {
            if !self.policy.uniform {
                return Applied::refused(Refusal::UnknownAccount);
            }
            let (refusal, changes) = self.count_wrong(at, name);
            return Applied::done(Outcome::Refused(refusal), changes);
        };
        if user.credential.as_deref().map(Fingerprint::of) != change.checked {
            return Applied::refused(Refusal::StaleCredential);
        }
        let known = match change.verdict {
            Verdict::Matched => !self.is_stale(at, user),
            Verdict::Blank => self.is_blank(at, user),
            Verdict::Wrong => false,
        };
        let (true, Some(credential)) = (known, &change.credential) else {
            let (refusal, changes) = self.count_wrong(at, name);
            return Applied::done(Outcome::Refused(refusal), changes);
        };
        if user.status == UserStatus::Disabled {
            return Applied::refused(Refusal::Locked { until: None });
        }
        let user = User { credential: Some(credential.clone()), credential_at: at, ..user.clone() };
        self.renew(user, change.keep)
    }

    /// The operator sets a password on a stopped store.
    pub(super) fn set_credential(&self, at: Millis, set: &SetCredential) -> Applied {
        let Some(user) = self.user_by_name(&set.user_name) else {
            return Applied::refused(Refusal::NotFound("USER", set.user_name.to_string()));
        };
        let user =
            User { credential: Some(set.credential.clone()), credential_at: at, ..user.clone() };
        self.renew(user, None)
    }

    fn renew(&self, mut user: User, keep: Option<super::ids::SessionNo>) -> Applied {
        if user.status != UserStatus::Disabled {
            user.status = UserStatus::Enabled;
        }
        user.version += 1;
        let no: UserNo = user.no;
        let name = user.name.clone();
        let mut steps = Steps::default();
        steps.put(Row::User(user));
        if self.attempts.contains_key(&name) {
            steps.changes.push(Change::Delete(Key::Attempts(name)));
        }
        self.end_all(no, EndReason::PasswordChanged, keep, &mut steps);
        steps.applied(Outcome::Done)
    }
}
