//! The first rows of a subscription.

/// What a new subscription has of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRows {
    /// What changed since the version that the client has.
    Resumed,
    /// All rows that were asked for.
    Complete,
    /// The rows of one step; so many more are to be read.
    Partial(usize),
    /// Nothing: the rows are not the realm's.
    External,
}
