//! Loading of a realm from the rows of a store.

use super::model::{ProfileNo, User, UserNo};
use super::row::Row;
use super::state::Realm;

/// A realm that is being loaded. A deployment can have a million users and memberships. They are
/// collected first and sorted at the end, because a B-tree that is built at once has no half-empty
/// nodes.
#[derive(Debug, Default)]
pub struct RealmLoader {
    realm: Realm,
    users: Vec<(UserNo, Box<User>)>,
    members: Vec<(ProfileNo, UserNo)>,
}

impl RealmLoader {
    /// Adds one row. Rows may be added in any order, but each only once.
    pub fn add(&mut self, row: Row) {
        match row {
            Row::User(user) => self.users.push((user.no, Box::new(user))),
            Row::Member(profile, user) => self.members.push((profile, user)),
            row => self.realm.add(row),
        }
    }

    /// Returns the realm that the rows describe: the same as if each row had been applied as a
    /// change.
    pub fn build(self) -> Realm {
        let Self { mut realm, users, members } = self;
        realm.user_names = users.iter().map(|(no, user)| (user.name.clone(), *no)).collect();
        realm.users = users.into_iter().collect();
        realm.memberships = members.iter().map(|(profile, user)| (*user, *profile)).collect();
        realm.members = members.into_iter().collect();
        realm
    }
}
