//! Synchronization of user records with a directory (Genesis authentication, "LDAP").
//!
//! The gateway stores no password for users of a directory.

use std::collections::BTreeSet;

use super::change_set::ChangeSet;
use crate::realm::command::SyncDirectoryUser;
use crate::realm::key::Key;
use crate::realm::model::{Millis, ProfileNo, User, UserNo, UserStatus};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Whether a login that a directory confirmed may use this record. The record must belong to
    /// the directory already, or have no password and no pending reset. If it has a password, or a
    /// pending reset removed its password, it belongs to a local user, who may be another person.
    pub fn may_be_directory_user(user: &User) -> bool {
        let fresh = user.credential.is_none() && user.status != UserStatus::PasswordReset;
        user.directory || fresh
    }

    /// Creates or updates the record of a user whose password a directory confirmed.
    pub(in crate::realm) fn sync_directory_user(
        &self,
        at: Millis,
        from: &SyncDirectoryUser,
    ) -> Applied {
        let mut change_set = ChangeSet::default();
        match self.user_by_name(&from.user_name) {
            None if !from.create => return Applied::refused(Refusal::UnknownAccount),
            None => self.insert_directory_user(at, from, &mut change_set),
            // HYBRID: the password of this local user was checked by the gateway, too. The user
            // stays local.
            Some(user) if from.local => {
                self.update_directory_user(user.clone(), user, from, &mut change_set)
            }
            Some(user) if !Self::may_be_directory_user(user) => {
                return Applied::refused(Refusal::LocalUser);
            }
            Some(user) => {
                let own = User { directory: true, ..user.clone() };
                self.update_directory_user(own, user, from, &mut change_set);
            }
        }
        // If the directory would remove the last administrator, the record stays unchanged. The
        // login itself is not refused.
        if self.administrator_remains(&change_set.changes) {
            change_set.applied(Outcome::Done)
        } else {
            Applied::done(Outcome::Done, Vec::new())
        }
    }

    fn insert_directory_user(
        &self,
        at: Millis,
        from: &SyncDirectoryUser,
        change_set: &mut ChangeSet,
    ) {
        let counters = change_set.counters(self);
        counters.users += 1;
        let no = UserNo(counters.users);
        let set = from.attributes.iter().filter_map(|(n, text)| Some((*n, text.as_deref()?)));
        let user = User {
            no,
            location: self.policy.location,
            name: from.user_name.clone(),
            status: UserStatus::Enabled,
            credential: None,
            credential_at: at,
            attributes: set.collect(),
            last_login: None,
            version: 1,
            directory: true,
            proof_epoch: 0,
            must_change: None,
        };
        change_set.put(Row::User(user));
        for code in &from.rights {
            let right = self.right_by_code(code.as_str());
            right.into_iter().for_each(|right| change_set.put(Row::Direct(no, right.no)));
        }
        self.known_profiles(&from.profiles)
            .into_iter()
            .for_each(|it| change_set.put(Row::Member(it, no)));
        if self.attempts.contains_key(&from.user_name) {
            change_set.changes.push(Change::Delete(Key::Attempts(from.user_name.clone())));
        }
    }

    fn update_directory_user(
        &self,
        mut user: User,
        old: &User,
        from: &SyncDirectoryUser,
        change_set: &mut ChangeSet,
    ) {
        if from.update {
            user.attributes =
                crate::realm::rules::user_records::amended(&user.attributes, &from.attributes);
            self.void_proofs_of_address(old, &mut user);
        }
        let no = user.no;
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        if let Some(mapped) = &from.sync {
            let due = self.known_profiles(&from.profiles);
            added = due.iter().filter(|it| !self.is_member(**it, no)).copied().collect();
            let mapped = self.known_profiles(mapped);
            removed =
                mapped.difference(&due).filter(|it| self.is_member(**it, no)).copied().collect();
        }
        if user != *old || !added.is_empty() || !removed.is_empty() {
            user.version += 1;
            change_set.put(Row::User(user));
        }
        added.into_iter().for_each(|it| change_set.put(Row::Member(it, no)));
        let removed = removed.into_iter().map(|it| Change::Delete(Key::Member(it, no)));
        change_set.changes.extend(removed);
    }

    fn known_profiles(&self, names: &[protocol::ProfileName]) -> BTreeSet<ProfileNo> {
        names.iter().filter_map(|name| Some(self.profile_by_name(name)?.no)).collect()
    }
}
