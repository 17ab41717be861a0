//! One right that users may have gained or lost with a commit.

use super::columns;
use crate::realm::{ProfileNo, Realm, RightNo, User};

/// If a commit changes at most this many rights of a profile, `Realm::may_be_held` determines once
/// for each revoked right whether any user may still hold it; if not, no user is checked for this
/// right. If a commit changes more rights, each user is checked for each revoked right.
const PER_USER_THRESHOLD: usize = 8;

/// A right that users may have gained or lost with a commit.
#[derive(Debug)]
pub(super) struct RightChange {
    pub(super) right: RightNo,
    held_by: Held,
    /// The JSON members of a USER_RIGHTS row after the user name, encoded once for all users.
    pub(super) row_members: Vec<u8>,
}

/// The affected users who hold a right after a commit. Users whose status allows them no rights are
/// not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// All affected users: their profile grants the right.
    All,
    /// No user.
    None,
    /// Each user must be checked.
    PerUser,
}

impl RightChange {
    /// Creates the change of a right for which each user is checked.
    pub(super) fn per_user(realm: &Realm, right: RightNo) -> Self {
        let row_members = realm.right(right).map(columns::write_right_members).unwrap_or_default();
        Self { right, held_by: Held::PerUser, row_members }
    }

    /// Whether this user, one of the affected users, holds the right now.
    pub(super) fn is_held_by(&self, realm: &Realm, user: &User) -> bool {
        match self.held_by {
            Held::All => Realm::rights_apply(user.status),
            Held::None => false,
            Held::PerUser => realm.is_held_by(user, self.right),
        }
    }

    /// Creates the change of a right that `profile` now grants or no longer grants; `rights_count`
    /// is how many rights of the profile the commit changed.
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
