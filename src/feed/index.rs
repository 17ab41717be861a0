//! The index: which subscriptions a commit may matter to.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::outbox::Outbox;
use super::source::Source;
use crate::realm::UserNo;

/// A subscription as the index finds it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) outbox: Arc<Outbox>,
    pub(super) id: u64,
}

/// Subscriptions limited to one user are found by that user; the others form one list a source.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) keyed: BTreeMap<(Source, UserNo), Vec<Place>>,
    pub(super) broad: BTreeMap<Source, Vec<Place>>,
    pub(super) owners: BTreeMap<UserNo, Vec<Place>>,
}

impl Index {
    pub(super) fn list(&mut self, source: Source, user: Option<UserNo>) -> &mut Vec<Place> {
        match user {
            Some(user) => self.keyed.entry((source, user)).or_default(),
            None => self.broad.entry(source).or_default(),
        }
    }

    pub(super) fn remove(&mut self, source: Source, user: Option<UserNo>, owner: UserNo, id: u64) {
        self.list(source, user).retain(|place| place.id != id);
        if let Some(user) = user
            && self.keyed.get(&(source, user)).is_some_and(Vec::is_empty)
        {
            self.keyed.remove(&(source, user));
        }
        if let Some(places) = self.owners.get_mut(&owner) {
            places.retain(|place| place.id != id);
            if places.is_empty() {
                self.owners.remove(&owner);
            }
        }
    }
}
