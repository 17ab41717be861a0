//! The changes of one command, collected step by step.

use std::collections::BTreeSet;

use crate::realm::model::SessionNo;
use crate::realm::outcome::{Applied, Ended, Outcome};
use crate::realm::row::{Change, Counters, Row};
use crate::realm::state::Realm;

/// Changes and ended sessions, gathered on the way.
#[derive(Debug, Default)]
pub(super) struct ChangeSet {
    pub(super) changes: Vec<Change>,
    /// The next numbers, if any was used.
    counters: Option<Counters>,
    pub(super) ended: Vec<Ended>,
    /// Put to sleep by this step.
    pub(super) now_dormant: BTreeSet<SessionNo>,
    /// No longer asleep after this step: gone or woken.
    pub(super) no_longer_dormant: BTreeSet<SessionNo>,
}

impl ChangeSet {
    pub(super) fn put(&mut self, row: Row) {
        self.changes.push(Change::Put(row));
    }

    /// The next numbers; what is taken of them is written down with the rest.
    pub(super) fn counters(&mut self, realm: &Realm) -> &mut Counters {
        self.counters.get_or_insert_with(|| realm.counters.clone())
    }

    pub(super) fn applied(mut self, outcome: Outcome) -> Applied {
        self.changes.extend(self.counters.take().map(|it| Change::Put(Row::Counters(it))));
        Applied { outcome, changes: self.changes, ended: self.ended, audit: Vec::new() }
    }
}
