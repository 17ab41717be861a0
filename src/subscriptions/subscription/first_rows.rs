//! The first rows of a subscription.

/// Which rows a new subscription has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRows {
    /// The changes since the version that the client has.
    Resumed,
    /// All requested rows.
    Complete,
    /// The rows of one step; at most this many more rows are to be read.
    Partial(usize),
    /// No rows, because the rows of the source are external.
    External,
}
