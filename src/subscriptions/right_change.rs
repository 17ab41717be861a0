//! One right that a commit granted or revoked.

use super::columns;
use crate::realm::{ProfileNo, Realm, RightNo, User};
/// Rights of one profile and commit that are asked for once for all users: what most commits
/// change at most.
const PER_USER_THRESHOLD: usize = 8;

/// A right that users may hold now, or no longer.
#[derive(Debug)]
pub(super) struct RightChange {
    pub(super) right: RightNo,
    held_by: Held,
    /// What a row says of it beside the user's name, made once for all of them.
    pub(super) row_members: Vec<u8>,
}

/// Who of the users in question holds a right after a commit, as far as their status lets rights
/// count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Their profile gives it to them.
    All,
    /// No user holds it any more.
    None,
    /// Each of them is to be asked for.
    PerUser,
}

impl RightChange {
    /// A right for which each user is to be asked.
    pub(super) fn per_user(realm: &Realm, right: RightNo) -> Self {
        let row_members = realm.right(right).map(columns::write_right_members).unwrap_or_default();
        Self { right, held_by: Held::PerUser, row_members }
    }

    /// Whether this user, one of those in question, holds it now.
    pub(super) fn is_held_by(&self, realm: &Realm, user: &User) -> bool {
        match self.held_by {
            Held::All => Realm::rights_count(user.status),
            Held::None => false,
            Held::PerUser => realm.is_held_by(user, self.right),
        }
    }

    /// A right that this profile gives now, or no longer; one of so many of this commit.
    pub(super) fn for_profile(
        realm: &Realm,
        profile: ProfileNo,
        right: RightNo,
        rights_count: usize,
    ) -> Self {
        let held_by = match realm.is_granted(profile, right) {
            true => Held::All,
            false if rights_count > PER_USER_THRESHOLD || realm.may_be_held(right) => Held::PerUser,
            false => Held::None,
        };
        Self { held_by, ..Self::per_user(realm, right) }
    }
}
