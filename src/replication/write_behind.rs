//! The write-behind: changed rows that are applied but not saved yet.
//!
//! Changes of one row are merged, so that a batch saves the row once. The caller of a command gets
//! the outcome before the rows are saved. If too many changes wait, the thread that applies entries
//! waits until a batch is taken.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::realm::{Change, Key, Row};
use crate::storage::{AuditNo, Seq};

/// If this many changes wait for a batch, the thread that applies entries waits until the batch is
/// taken. Merged changes of one row count one by one, because each may have audit rows, which are
/// not merged.
const CHANGES_MAX: usize = 4_096;
/// The minimum time from the end of one save to the next batch. Changes are collected meanwhile. At
/// [`CHANGES_MAX`] changes, the batch is taken at once.
const SAVE_INTERVAL: Duration = Duration::from_millis(20);

/// Changed rows that are saved in one step.
#[derive(Debug, Default)]
pub(super) struct SaveBatch {
    /// The last entry whose changes are in the batch; 0 if the batch is empty.
    pub(super) seq: Seq,
    /// The rows as they are after that entry; `None` if deleted.
    pub(super) rows: BTreeMap<Key, Option<Row>>,
    /// The number of the last audit row up to that entry.
    pub(super) audited: AuditNo,
    /// The key of the newest [`Row::Seen`] in `rows`.
    seen: Option<Key>,
    /// The number of changes, before merging.
    changes: usize,
}

/// The changes that are not saved yet. One thread applies entries and adds their changes; another
/// thread takes the changes and saves the rows.
#[derive(Debug, Default)]
pub(super) struct WriteBehind {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: SaveBatch,
    /// The last entry of the newest batch that was taken.
    in_progress: Seq,
    /// The last entry whose changes are saved.
    saved: Seq,
    /// Whether no further changes are added.
    is_finished: bool,
    /// Whether no further changes are saved.
    is_abandoned: bool,
}

impl SaveBatch {
    /// Sets the new state of a row. Keeps only the newest of the ids of applied entries, because
    /// the log has the earlier ones. Deletions of ids are ignored: `RowStore::save` deletes the ids
    /// that it saved before.
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
    /// Creates a write-behind without changes, for a store that reflects the entries up to `saved`.
    pub(super) fn after(saved: Seq) -> Self {
        let state = State { in_progress: saved, saved, ..State::default() };
        Self { state: Mutex::new(state), ..Self::default() }
    }

    /// Adds the changes of an entry; `audited` is the number of the last audit row up to that
    /// entry. Blocks if too many changes wait. Drops the changes if saving was abandoned.
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

    /// Marks the previous batch as saved, and waits for the next batch. `None` if no changes remain
    /// and no more will be added.
    pub(super) fn next_batch(&self) -> Option<SaveBatch> {
        let mut state = self.state.lock();
        state.saved = state.in_progress;
        self.changed.notify_all();
        // During this wait, further changes of the same rows are merged.
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

    /// Blocks until the changes of entries up to `seq` are saved, or saving is abandoned.
    pub(super) fn wait_until_saved(&self, seq: Seq) {
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, |it| it.saved < seq && !it.is_abandoned);
    }

    /// Abandons saving after an error: drops the waiting changes and wakes all waiting threads.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.is_abandoned = true;
        state.waiting = SaveBatch::default();
        self.changed.notify_all();
    }

    /// Declares that no further changes are added, so that the saving thread can end.
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
    fn the_latest_state_of_a_row_and_the_newest_entry_id_are_saved() {
        let unsaved = WriteBehind::after(0);
        unsaved.push(1, vec![Change::Put(direct(1)), Change::Put(direct(2)), seen(1)], 7);
        let forgotten = Change::Delete(Key::Seen(EntryId(1)));
        unsaved.push(2, vec![Change::Delete(direct(1).key()), seen(2), forgotten], 9);
        unsaved.finish();
        let batch = unsaved.next_batch().unwrap();
        let newest = Row::Seen(EntryId(2), 2);
        let rows = [direct(2), newest].map(|row| (row.key(), Some(row)));
        let rows = BTreeMap::from_iter([(direct(1).key(), None)].into_iter().chain(rows));
        assert_eq!((batch.seq, batch.audited, batch.rows), (2, 9, rows));
        assert!(unsaved.next_batch().is_none());
    }

    #[test]
    fn too_many_unsaved_changes_block_the_thread_that_adds_them() {
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
        // After `abandon` no call of `push` blocks, although no batch is taken.
        (3..9).for_each(|seq| unsaved.push(seq, vec![Change::Put(direct(seq as u32))], 0));
        unsaved.finish();
        assert!(unsaved.next_batch().is_none());
    }
}
