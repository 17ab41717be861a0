//! The changes of one command, collected while the command is planned.

use std::collections::BTreeSet;

use crate::realm::model::SessionNo;
use crate::realm::outcome::{Applied, Ended, Outcome};
use crate::realm::row::{Change, Counters, Row};
use crate::realm::state::Realm;

/// Changes and ended sessions of one command.
#[derive(Debug, Default)]
pub(super) struct ChangeSet {
    pub(super) changes: Vec<Change>,
    /// The counters of record numbers; `None` if the command issued no number.
    counters: Option<Counters>,
    pub(super) ended: Vec<Ended>,
    /// Sessions that this command makes dormant.
    pub(super) now_dormant: BTreeSet<SessionNo>,
    /// Sessions that this command deletes or resumes: they are not dormant afterwards.
    pub(super) no_longer_dormant: BTreeSet<SessionNo>,
}

impl ChangeSet {
    pub(super) fn put(&mut self, row: Row) {
        self.changes.push(Change::Put(row));
    }

    /// Returns the counters of record numbers. Their new values are saved with the changes.
    pub(super) fn counters(&mut self, realm: &Realm) -> &mut Counters {
        self.counters.get_or_insert_with(|| realm.counters.clone())
    }

    pub(super) fn applied(mut self, outcome: Outcome) -> Applied {
        self.changes.extend(self.counters.take().map(|it| Change::Put(Row::Counters(it))));
        Applied { outcome, changes: self.changes, ended: self.ended, audit: Vec::new() }
    }
}
