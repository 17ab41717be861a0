//! Users of a directory: their records follow it, and no password of theirs is kept here (S2,
//! "LDAP").

use std::collections::BTreeSet;

use super::change_set::ChangeSet;
use crate::realm::command::SyncDirectoryUser;
use crate::realm::model::{Millis, ProfileNo, User, UserNo, UserStatus};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Whether a login that a directory confirmed may be this record's: one that is the directory's
    /// already, or one that never had a password. A local user of the same name is somebody else.
    pub fn may_be_of_directory(user: &User) -> bool {
        let fresh = user.credential.is_none() && user.status != UserStatus::PasswordReset;
        user.directory || fresh
    }

    /// A directory confirmed a password: its user is made, or his record follows what it says.
    pub(in crate::realm) fn take_from_directory(
        &self,
        at: Millis,
        from: &SyncDirectoryUser,
    ) -> Applied {
        let mut steps = ChangeSet::default();
        match self.user_by_name(&from.user_name) {
            None if !from.create => return Applied::refused(Refusal::UnknownAccount),
            None => self.take_in(at, from, &mut steps),
            Some(user) if from.local => self.follow(user.clone(), user, from, &mut steps),
            Some(user) if !Self::may_be_of_directory(user) => {
                return Applied::refused(Refusal::LocalUser);
            }
            Some(user) => {
                let own = User { directory: true, ..user.clone() };
                self.follow(own, user, from, &mut steps);
            }
        }
        // A right that a directory takes away must not be the last administrator's.
        match self.administrator_remains(&steps.changes) {
            true => steps.applied(Outcome::Done),
            false => Applied::done(Outcome::Done, Vec::new()),
        }
    }

    fn take_in(&self, at: Millis, from: &SyncDirectoryUser, steps: &mut ChangeSet) {
        let counters = steps.counters(self);
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
        };
        steps.put(Row::User(user));
        for code in &from.rights {
            let right = self.right_by_code(code.as_str());
            right.into_iter().for_each(|right| steps.put(Row::Direct(no, right.no)));
        }
        self.known(&from.profiles).into_iter().for_each(|it| steps.put(Row::Member(it, no)));
        if self.attempts.contains_key(&from.user_name) {
            steps.changes.push(Change::Delete(Key::Attempts(from.user_name.clone())));
        }
    }

    fn follow(&self, mut user: User, old: &User, from: &SyncDirectoryUser, steps: &mut ChangeSet) {
        if from.update {
            user.attributes =
                crate::realm::rules::user_records::amended(&user.attributes, &from.attributes);
        }
        let no = user.no;
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        if let Some(mapped) = &from.sync {
            let due = self.known(&from.profiles);
            added = due.iter().filter(|it| !self.is_member(**it, no)).copied().collect();
            let mapped = self.known(mapped);
            removed =
                mapped.difference(&due).filter(|it| self.is_member(**it, no)).copied().collect();
        }
        if user != *old || !added.is_empty() || !removed.is_empty() {
            user.version += 1;
            steps.put(Row::User(user));
        }
        added.into_iter().for_each(|it| steps.put(Row::Member(it, no)));
        let gone = removed.into_iter().map(|it| Change::Delete(Key::Member(it, no)));
        steps.changes.extend(gone);
    }

    fn known(&self, names: &[protocol::ProfileName]) -> BTreeSet<ProfileNo> {
        names.iter().filter_map(|name| Some(self.profile_by_name(name)?.no)).collect()
    }
}
