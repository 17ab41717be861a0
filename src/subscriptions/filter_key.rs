//! The key of a subscription in the index.

use crate::realm::UserNo;

/// A key of subscriptions in the index: the rows that concern these subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FilterKey {
    /// Rows that belong to this user.
    User(UserNo),
    /// Rows with this value in a key column of the source, or rows of a user with this name (in
    /// lower case) who does not exist yet.
    Value(Box<str>),
}
