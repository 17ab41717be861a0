//! Recovery of the administration on the command line, while the gateway is stopped.

use super::bootstrap::BootstrapRecords;
use super::change_set::ChangeSet;
use crate::realm::command::{NewUser, RecoverAdministrator};
use crate::realm::key::Key;
use crate::realm::model::{
    EndReason, Millis, MustChange, ProfileNo, ProfileStatus, User, UserNo, UserStatus,
};
use crate::realm::outcome::Applied;
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Enables the profile of the administration rights, grants it all of them, and puts the user
    /// into it. The user is created or enabled, becomes a local user, and must change the one-time
    /// password at the next login. Sessions, locks and second factor of the user end.
    pub(in crate::realm) fn recover_administrator(
        &self,
        at: Millis,
        recovery: &RecoverAdministrator,
    ) -> Applied {
        let mut records = BootstrapRecords::new(self);
        records.rights(&recovery.rights);
        let profile = self.recover_profile(recovery, &mut records);
        let known = self.user_by_name(&recovery.user_name);
        let no = known.map_or_else(|| UserNo(records.next()), |user| user.no);
        let mut ended = ChangeSet::default();
        if let Some(user) = known {
            self.end_all(user.no, EndReason::PasswordChanged, None, &mut ended);
            self.history_after(user).into_iter().for_each(|row| ended.put(row));
        }
        if self.attempts.contains_key(&recovery.user_name) {
            ended.changes.push(Change::Delete(Key::Attempts(recovery.user_name.clone())));
        }
        if self.second_factors.contains_key(&no) && !recovery.keep_factor {
            ended.changes.push(Change::Delete(Key::SecondFactor(no)));
        }
        records.changes.append(&mut ended.changes);
        let new = || NewUser::named(recovery.user_name.clone()).user(no, self.policy.location, at);
        let user = known.cloned().unwrap_or_else(new);
        records.changes.push(Change::Put(Row::User(self.recovered(at, user, recovery))));
        records.changes.push(Change::Put(Row::Member(profile, no)));
        Applied { ended: ended.ended, ..records.applied() }
    }

    fn recovered(&self, at: Millis, user: User, recovery: &RecoverAdministrator) -> User {
        User {
            status: UserStatus::PasswordReset,
            credential: Some(recovery.credential.clone()),
            credential_at: at,
            directory: false,
            version: user.version + 1,
            proof_epoch: self.next_epoch(&user),
            must_change: self.if_current(MustChange::OneTime),
            ..user
        }
    }

    /// Returns the profile of this name after the recovery: enabled, with all administration
    /// rights.
    fn recover_profile(
        &self,
        recovery: &RecoverAdministrator,
        records: &mut BootstrapRecords<'_>,
    ) -> ProfileNo {
        let no = match self.profile_by_name(&recovery.profile) {
            None => records.new_profile(&recovery.profile),
            Some(profile) => {
                let (status, version) = (ProfileStatus::Enabled, profile.version + 1);
                let enabled = crate::realm::model::Profile { status, version, ..profile.clone() };
                records.changes.push(Change::Put(Row::Profile(enabled)));
                profile.no
            }
        };
        let rights = recovery.rights.iter().filter_map(|(code, _)| records.right(code));
        let rights: Vec<_> = rights.collect();
        records.grant(Some(no), &rights);
        no
    }
}
