//! What commands changed and the store does not have yet. Many changes of one row are saved once:
//! whoever waits for a command waits for the log only.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::realm::{Change, Key, Row};
use crate::storage::{AuditNo, Seq};
/// Changes that may wait, those of one row counted one by one, as each may have audit rows; more
/// make the thread that applies commands wait.
const CHANGES_MAX: usize = 4_096;
/// Steps are at this distance, unless much waits.
const EVERY: Duration = Duration::from_millis(20);

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
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    waiting: SaveBatch,
    /// The last entry of the step that is being saved.
    taken: Seq,
    /// The last entry that is saved.
    saved: Seq,
    /// Nothing more comes.
    is_over: bool,
    /// Nothing more is saved.
    is_given_up: bool,
}

impl SaveBatch {
    /// Of the entries that were seen the newest is enough: the log knows the others.
    fn put(&mut self, key: Key, row: Option<Row>) {
        self.changes += 1;
        if let Key::Seen(_) = key {
            if row.is_none() {
                return;
            }
            self.seen.replace(key.clone()).map(|former| self.rows.remove(&former));
        }
        self.rows.insert(key, row);
    }
}

impl Inside {
    fn is_full(&self) -> bool {
        self.waiting.changes >= CHANGES_MAX
    }
}

impl WriteBehind {
    /// Nothing: the store reflects this entry.
    pub(super) fn after(saved: Seq) -> Self {
        let inside = Inside { taken: saved, saved, ..Inside::default() };
        Self { inside: Mutex::new(inside), ..Self::default() }
    }

    /// An entry changed this. Waits while too much is not saved.
    pub(super) fn push(&self, seq: Seq, changes: Vec<Change>, audited: AuditNo) {
        let mut inside = self.inside.lock();
        self.changed.wait_while(&mut inside, |it| it.is_full() && !it.is_given_up);
        if inside.is_given_up {
            return;
        }
        let is_first = inside.waiting.seq == 0;
        for (key, row) in changes.into_iter().map(Change::into_row) {
            inside.waiting.put(key, row);
        }
        (inside.waiting.seq, inside.waiting.audited) = (seq, audited);
        if is_first || inside.is_full() {
            self.changed.notify_all();
        }
    }

    /// Waits for the next step, when the last one is saved; none: everything is saved and nothing
    /// more comes.
    pub(super) fn next_batch(&self) -> Option<SaveBatch> {
        let mut inside = self.inside.lock();
        inside.saved = inside.taken;
        self.changed.notify_all();
        self.changed.wait_while_for(&mut inside, |it| !it.is_full() && !it.is_over, EVERY);
        self.changed.wait_while(&mut inside, |it| it.waiting.seq == 0 && !it.is_over);
        let step = std::mem::take(&mut inside.waiting);
        inside.taken = inside.taken.max(step.seq);
        self.changed.notify_all();
        (step.seq > 0).then_some(step)
    }

    /// Waits until the entries up to `seq` are saved, if they ever will be.
    pub(super) fn wait_for(&self, seq: Seq) {
        let mut inside = self.inside.lock();
        self.changed.wait_while(&mut inside, |it| it.saved < seq && !it.is_given_up);
    }

    /// Nothing can be saved any more.
    pub(super) fn abandon(&self) {
        let mut inside = self.inside.lock();
        inside.is_given_up = true;
        inside.waiting = SaveBatch::default();
        self.changed.notify_all();
    }

    /// Nothing more comes.
    pub(super) fn finish(&self) {
        self.inside.lock().is_over = true;
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
    fn whoever_is_far_ahead_waits_for_the_store() {
        let unsaved = Arc::new(WriteBehind::after(0));
        let many = (0..=CHANGES_MAX).map(|_| Change::Put(direct(1))).collect();
        unsaved.push(1, many, 0);
        let ahead = unsaved.clone();
        let thread = std::thread::spawn(move || ahead.push(2, vec![Change::Put(direct(1))], 0));
        assert_eq!(unsaved.next_batch().unwrap().seq, 1);
        thread.join().unwrap();
        assert_eq!(unsaved.next_batch().unwrap().seq, 2);
        unsaved.wait_for(1);
        let asked = unsaved.clone();
        let thread = std::thread::spawn(move || asked.wait_for(2));
        unsaved.abandon();
        thread.join().unwrap();
        // Nobody saves any more: nobody waits.
        (3..9).for_each(|seq| unsaved.push(seq, vec![Change::Put(direct(seq as u32))], 0));
        unsaved.finish();
        assert!(unsaved.next_batch().is_none());
    }
}
