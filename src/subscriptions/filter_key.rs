//! The key of a subscription in the index.

use crate::realm::UserNo;

/// A key under which the index files subscriptions. It states which rows concern them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FilterKey {
    /// Rows that belong to this user.
    User(UserNo),
    /// Rows with this value in a key column of the source. Or rows of a user who does not exist
    /// yet; the value is then the name of this user, in lower case.
    Value(Box<str>),
}
