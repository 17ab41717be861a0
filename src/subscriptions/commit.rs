//! A commit that is being published.

use super::affected::AffectedRights;
use super::before::RowsBefore;
use crate::realm::Realm;
use crate::storage::Seq;

/// The data of a commit that the steps of its publication need.
#[derive(Clone, Copy)]
pub(super) struct Commit<'c> {
    /// The realm after the commit.
    pub(super) realm: &'c Realm,
    /// The sequence number of the commit in the command log.
    pub(super) seq: Seq,
    /// The rights that the commit may have changed.
    pub(super) affected: &'c AffectedRights,
    /// The affected rows as they were before the commit.
    pub(super) before: &'c RowsBefore,
}
