//! The changes that commands made and the store does not have yet.
//!
//! Many changes of one row are saved once. The answer to a command waits for the log only.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::realm::{Change, Key, Row};
use crate::storage::{AuditNo, Seq};
/// Changes that may wait, those of one row counted one by one, as each may have audit rows; more
/// make the thread that applies commands wait.
const CHANGES_MAX: usize = 4_096;
/// Steps are at this distance, unless much waits.
const SAVE_INTERVAL: Duration = Duration::from_millis(20);

/// One step of saving.
#[derive(Debug, Default)]
pub(super) struct SaveBatch {
    /// The last entry in it.
    pub(super) seq: Seq,
    /// Rows as they are after it; none: deleted.
    pub(super) rows: BTreeMap<Key, Option<Row>>,
    /// The last audit row of it.
    pub(super) audited: AuditNo,
    seen: Option<Key>,
    changes: usize,
}

/// What is not saved yet.
#[derive(Debug, Default)]
pub(super) struct WriteBehind {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: SaveBatch,
    /// The last entry of the step that is being saved.
    in_progress: Seq,
    /// The last entry that is saved.
    saved: Seq,
    /// Nothing more comes.
    is_finished: bool,
    /// Nothing more is saved.
    is_abandoned: bool,
}

impl SaveBatch {
    /// Of the entries that were seen the newest is enough: the log knows the others.
    fn put(&mut self, key: Key, row: Option<Row>) {
        self.changes += 1;
        if let Key::Seen(_) = key {
            if row.is_none() {
                return;
            }
            self.seen.replace(key.clone()).map(|previous| self.rows.remove(&previous));
        }
        self.rows.insert(key, row);
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.waiting.changes >= CHANGES_MAX
    }
}

impl WriteBehind {
    /// Nothing: the store reflects this entry.
    pub(super) fn after(saved: Seq) -> Self {
        let state = State { in_progress: saved, saved, ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// An entry changed this. Waits while too much is not saved.
    pub(super) fn push(&self, seq: Seq, changes: Vec<Change>, audited: AuditNo) {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |it| it.is_full() && !it.is_abandoned);
        if state.is_abandoned {
            return;
        }
        let is_first = state.waiting.seq == 0;
        for (key, row) in changes.into_iter().map(Change::into_row) {
            state.waiting.put(key, row);
        }
        (state.waiting.seq, state.waiting.audited) = (seq, audited);
        if is_first || state.is_full() {
            self.changed.notify_all();
        }
    }

    /// Waits for the next step, when the last one is saved; none: everything is saved and nothing
    /// more comes.
    pub(super) fn next_batch(&self) -> Option<SaveBatch> {
        let mut state = self.state.lock();
        state.saved = state.in_progress;
        self.changed.notify_all();
        self.changed.wait_while_for(
            &mut state,
            |it| !it.is_full() && !it.is_finished,
            SAVE_INTERVAL,
        );
        self.changed.wait_while(&mut state, |it| it.waiting.seq == 0 && !it.is_finished);
        let batch = std::mem::take(&mut state.waiting);
        state.in_progress = state.in_progress.max(batch.seq);
        self.changed.notify_all();
        (batch.seq > 0).then_some(batch)
    }

    /// Waits until the entries up to `seq` are saved, if they ever will be.
    pub(super) fn wait_until_saved(&self, seq: Seq) {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |it| it.saved < seq && !it.is_abandoned);
    }

    /// Nothing can be saved any more.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.is_abandoned = true;
        state.waiting = SaveBatch::default();
        self.changed.notify_all();
    }

    /// Nothing more comes.
    pub(super) fn finish(&self) {
        self.state.lock().is_finished = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::realm::EntryId;
    use crate::realm::{RightNo, UserNo};

    fn seen(id: u128) -> Change {
        Change::Put(Row::Seen(EntryId(id), id as u64))
    }

    fn direct(user: u32) -> Row {
        Row::Direct(UserNo(user), RightNo(1))
    }

    #[test]
    fn the_last_of_many_changes_is_saved_and_of_what_was_seen_the_newest() {
        let unsaved = WriteBehind::after(0);
        unsaved.push(1, vec![Change::Put(direct(1)), Change::Put(direct(2)), seen(1)], 7);
        let forgotten = Change::Delete(Key::Seen(EntryId(1)));
        unsaved.push(2, vec![Change::Delete(direct(1).key()), seen(2), forgotten], 9);
        unsaved.finish();
        let step = unsaved.next_batch().unwrap();
        let newest = Row::Seen(EntryId(2), 2);
        let rows = [direct(2), newest].map(|row| (row.key(), Some(row)));
        let rows = BTreeMap::from_iter([(direct(1).key(), None)].into_iter().chain(rows));
        assert_eq!((step.seq, step.audited, step.rows), (2, 9, rows));
        assert!(unsaved.next_batch().is_none());
    }

    #[test]
    fn a_writer_far_ahead_waits_for_the_store() {
        let unsaved = Arc::new(WriteBehind::after(0));
        let many = (0..=CHANGES_MAX).map(|_| Change::Put(direct(1))).collect();
        unsaved.push(1, many, 0);
        let ahead = unsaved.clone();
        let thread = std::thread::spawn(move || ahead.push(2, vec![Change::Put(direct(1))], 0));
        assert_eq!(unsaved.next_batch().unwrap().seq, 1);
        thread.join().unwrap();
        assert_eq!(unsaved.next_batch().unwrap().seq, 2);
        unsaved.wait_until_saved(1);
        let waiter = unsaved.clone();
        let thread = std::thread::spawn(move || waiter.wait_until_saved(2));
        unsaved.abandon();
        thread.join().unwrap();
        // Nobody saves any more: nobody waits.
        (3..9).for_each(|seq| unsaved.push(seq, vec![Change::Put(direct(seq as u32))], 0));
        unsaved.finish();
        assert!(unsaved.next_batch().is_none());
    }
}
