//! Loading: a realm made of the rows of a store, each of which is there once.

use super::model::{ProfileNo, User, UserNo};
use super::row::Row;
use super::state::Realm;
/// A realm on its way. What there is a million of is gathered first and put in order at the end: a
/// sorted set that is built at once has no half-empty nodes.
#[derive(Debug, Default)]
pub struct RealmLoader {
    realm: Realm,
    users: Vec<(UserNo, Box<User>)>,
    members: Vec<(ProfileNo, UserNo)>,
}

impl RealmLoader {
    /// Takes in one row, in any order.
    pub fn add(&mut self, row: Row) {
        match row {
            Row::User(user) => self.users.push((user.no, Box::new(user))),
            Row::Member(profile, user) => self.members.push((profile, user)),
            row => self.realm.add(row),
        }
    }

    /// The realm that the rows make: the same as if each had been absorbed.
    pub fn build(self) -> Realm {
        let Self { mut realm, users, members } = self;
        realm.user_names = users.iter().map(|(no, user)| (user.name.clone(), *no)).collect();
        realm.users = users.into_iter().collect();
        realm.memberships = members.iter().map(|(profile, user)| (*user, *profile)).collect();
        realm.members = members.into_iter().collect();
        realm
    }
}
