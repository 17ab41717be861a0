//! The key under which the index files a subscription.

use crate::realm::UserNo;

/// A value by which subscriptions are found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FilterKey {
    /// Rows of this user.
    User(UserNo),
    /// Rows with this value in the source's own key field, or of a user of this name (in lower
    /// case) who does not exist yet.
    Value(Box<str>),
}
