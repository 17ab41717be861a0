//! A commit that is being published.

use super::affected::AffectedRights;
use super::before::RowsBefore;
use crate::realm::Realm;
use crate::storage::Seq;
/// What the steps of publishing need to know of a commit.
#[derive(Clone, Copy)]
pub(super) struct Commit<'c> {
    /// The realm after the commit.
    pub(super) realm: &'c Realm,
    /// The number of the commit.
    pub(super) seq: Seq,
    /// The rights that may differ.
    pub(super) affected: &'c AffectedRights,
    /// The affected rows before the commit.
    pub(super) before: &'c RowsBefore,
}
