//! An index of expiring rows by token hash and by user.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::{Millis, UserNo};
use super::session::TokenHash;

/// A row that belongs to a user and expires.
pub trait Expiring {
    /// Returns the user that the row belongs to.
    fn owner(&self) -> UserNo;
    /// Returns when the row expires.
    fn until(&self) -> Millis;
}

/// Expiring rows by token hash, and by owner and expiry.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::realm) struct ExpiringTokens<T> {
    rows: BTreeMap<TokenHash, T>,
    by_owner: BTreeSet<(UserNo, Millis, TokenHash)>,
}

impl<T> Default for ExpiringTokens<T> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), by_owner: BTreeSet::new() }
    }
}

impl<T: Expiring> ExpiringTokens<T> {
    pub(in crate::realm) fn get(&self, hash: &TokenHash) -> Option<&T> {
        self.rows.get(hash)
    }

    pub(in crate::realm) fn put(&mut self, hash: TokenHash, row: T) {
        self.remove(&hash);
        self.by_owner.insert((row.owner(), row.until(), hash));
        self.rows.insert(hash, row);
    }

    pub(in crate::realm) fn remove(&mut self, hash: &TokenHash) {
        if let Some(row) = self.rows.remove(hash) {
            self.by_owner.remove(&(row.owner(), row.until(), *hash));
        }
    }

    pub(in crate::realm) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns all rows in the order of their hashes.
    pub(in crate::realm) fn rows(&self) -> &BTreeMap<TokenHash, T> {
        &self.rows
    }

    /// Returns the rows of a user, ordered by expiry.
    pub(in crate::realm) fn for_user(
        &self,
        user: UserNo,
    ) -> impl Iterator<Item = (TokenHash, &T)> + '_ {
        let range =
            (user, Millis::MIN, TokenHash([0; 32]))..=(user, Millis::MAX, TokenHash([255; 32]));
        let own = self.by_owner.range(range);
        own.filter_map(|(_, _, hash)| Some((*hash, self.rows.get(hash)?)))
    }

    /// Returns the hashes of expired rows.
    pub(in crate::realm) fn expired(&self, at: Millis) -> impl Iterator<Item = TokenHash> + '_ {
        self.rows.iter().filter(move |(_, row)| row.until() <= at).map(|(hash, _)| *hash)
    }
}
