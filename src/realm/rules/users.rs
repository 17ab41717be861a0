//! Users: lookup by number and name, and bulk inserts by the command line.

use protocol::{ProfileName, UserName};

use crate::realm::command::NewUser;
use crate::realm::key::Key;
use crate::realm::model::{Location, Millis, ProfileNo, User, UserNo, UserStatus};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Returns the user with this number.
    pub fn user(&self, no: UserNo) -> Option<&User> {
        self.users.get(&no).map(|user| &**user)
    }

    /// Returns the user with this name.
    pub fn user_by_name(&self, name: &UserName) -> Option<&User> {
        self.user(*self.user_names.get(name)?)
    }

    /// Returns all users with a number above `after`, in ascending order.
    pub fn users_after(&self, after: Option<UserNo>) -> impl Iterator<Item = &User> {
        let from = UserNo(after.map_or(0, |no| no.0.saturating_add(1)));
        self.users.range(from..).map(|(_, user)| &**user)
    }

    /// Returns the profiles that the user is in, enabled or not.
    pub fn profiles_of(&self, user: UserNo) -> impl Iterator<Item = ProfileNo> {
        let range = (user, ProfileNo::MIN)..=(user, ProfileNo::MAX);
        self.memberships.range(range).map(|(_, profile)| *profile)
    }

    /// Inserts all of these users. If one user is refused, inserts no user. Used by the command
    /// line while the gateway is stopped.
    pub(in crate::realm) fn add_users(&self, at: Millis, new_users: &[NewUser]) -> Applied {
        let mut counters = self.counters.clone();
        let mut changes = Vec::with_capacity(new_users.len() * 2 + 1);
        let mut names = std::collections::BTreeSet::new();
        for new in new_users {
            if self.attempts.contains_key(&new.name) {
                changes.push(Change::Delete(Key::Attempts(new.name.clone())));
            }
            if self.user_names.contains_key(&new.name) || !names.insert(&new.name) {
                return Applied::refused(Refusal::Duplicate("USER_NAME", new.name.to_string()));
            }
            counters.users += 1;
            let user = new.user(UserNo(counters.users), self.policy.location, at);
            for code in &new.rights {
                let Some(right) = self.right_by_code(code.as_str()) else {
                    return Applied::refused(Refusal::NotFound("RIGHT", code.to_string()));
                };
                changes.push(Change::Put(Row::Direct(user.no, right.no)));
            }
            for name in &new.profiles {
                let Some(profile) = self.profile_by_name(name) else {
                    return Applied::refused(Refusal::NotFound("PROFILE", name.to_string()));
                };
                changes.push(Change::Put(Row::Member(profile.no, user.no)));
            }
            changes.push(Change::Put(Row::User(user)));
        }
        changes.push(Change::Put(Row::Counters(counters)));
        Applied::done(Outcome::Done, changes)
    }

    /// Returns the profile with this name.
    pub fn profile_by_name(&self, name: &ProfileName) -> Option<&crate::realm::model::Profile> {
        self.profiles.get(self.profile_names.get(name)?)
    }
}

impl NewUser {
    /// Returns an enabled user with this name and without password, attributes, profiles or rights.
    pub fn named(name: UserName) -> Self {
        Self {
            name,
            credential: None,
            attributes: Box::default(),
            profiles: Vec::new(),
            status: None,
            rights: Vec::new(),
        }
    }

    /// Returns the record of the new user.
    pub(crate) fn user(&self, no: UserNo, location: Location, at: Millis) -> User {
        User {
            no,
            location,
            name: self.name.clone(),
            status: self.status.unwrap_or(UserStatus::Enabled),
            credential: self.credential.clone(),
            credential_at: at,
            attributes: self.attributes.iter().map(|(number, text)| (*number, &**text)).collect(),
            last_login: None,
            version: 1,
            directory: false,
            proof_epoch: 0,
            must_change: None,
        }
    }
}
