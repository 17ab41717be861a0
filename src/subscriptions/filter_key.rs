//! The key under which the index files a subscription.

use crate::realm::UserNo;

/// A value under which subscriptions are filed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FilterKey {
    /// Rows that belong to this user.
    User(UserNo),
    /// Rows with this value in a key column of the source, or rows of a user with this name (in
    /// lower case) who does not exist yet.
    Value(Box<str>),
}
