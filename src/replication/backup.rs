//! A backup of the running gateway: all rows, step by step, as they are at its end.
//!
//! The rows are walked in the order of their keys while commands go on. What changes meanwhile is
//! remembered and given again; the last step gives what is left of it under one look at the realm,
//! so that whoever puts the rows together has the realm of that moment.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use protocol::to_json;

use crate::realm::{Change, Key, Millis, Realm, Row, SessionNo, StoredRow};
use crate::storage::{ExportChecksum, Seq};

/// Rows of one step, at most: commands wait while it looks at them.
const STEP_ROWS: usize = 250;
/// Bytes of one step, about.
const STEP_BYTES: usize = 96 * 1024;
/// Rows that change between two steps; more end the backup.
const CHANGED_KEYS_MAX: usize = 1_000_000;
/// A backup that nobody goes on with ends.
const IDLE_MS: Millis = 30_000;

/// The backup that goes on, if one does: one at a time, since each remembers what changes.
#[derive(Debug, Default)]
pub struct BackupSessions(Mutex<Option<BackupSession>>);

#[derive(Debug)]
struct BackupSession {
    id: u128,
    owner: SessionNo,
    /// The last row of the walk.
    position: Option<Key>,
    walk_done: bool,
    changed_keys: BTreeSet<Key>,
    last_used: Millis,
    checksum: ExportChecksum,
}

/// One step.
#[derive(Debug, Default)]
pub struct BackupStep {
    /// Rows; later ones replace earlier ones with the same key.
    pub rows: Vec<StoredRow>,
    /// Keys of rows that are no longer there, in hexadecimal.
    pub removed: Vec<String>,
    /// With the last step.
    pub end: Option<BackupEnd>,
}

/// The end of a backup.
#[derive(Debug, PartialEq, Eq)]
pub struct BackupEnd {
    /// The last entry of the log that the rows reflect.
    pub seq: Seq,
    /// The sum over everything that was given.
    pub sha256: String,
}

/// Takes what a step gives into the sum over a backup: rows as JSON and keys that are gone, a line
/// each.
pub fn add_to_checksum(checksum: &mut ExportChecksum, rows: &[StoredRow], removed: &[String]) {
    let rows = rows.iter().map(to_json);
    for line in rows.chain(removed.iter().map(|key| key.clone().into_bytes())) {
        checksum.add(&line);
        checksum.add(b"\n");
    }
}

/// Why there is no step.
#[derive(Debug, PartialEq, Eq)]
pub enum StepError {
    /// Another backup goes on; it may be over after so many milliseconds.
    Busy(Millis),
    /// There is no such backup: it ended, nobody went on with it, or too much changed meanwhile.
    Unknown,
}

impl BackupSessions {
    /// Begins a backup under this name; the owner's former one ends.
    pub fn begin(&self, id: u128, owner: SessionNo, now: Millis) -> Result<(), StepError> {
        let mut current = self.0.lock();
        if let Some(other) = current.as_ref().filter(|it| it.owner != owner && !it.is_idle(now)) {
            return Err(StepError::Busy((other.last_used + IDLE_MS).saturating_sub(now)));
        }
        *current = Some(BackupSession {
            id,
            owner,
            position: None,
            walk_done: false,
            changed_keys: BTreeSet::new(),
            last_used: now,
            checksum: ExportChecksum::default(),
        });
        Ok(())
    }

    /// The next step. The realm does not change while this looks at it.
    pub fn step(
        &self,
        id: u128,
        owner: SessionNo,
        now: Millis,
        (realm, seq): (&Realm, Seq),
    ) -> Result<BackupStep, StepError> {
        let mut current = self.0.lock();
        let backup = current.as_mut().filter(|it| (it.id, it.owner) == (id, owner));
        let backup = backup.ok_or(StepError::Unknown)?;
        backup.last_used = now;
        let step = backup.step(realm, seq);
        if step.end.is_some() {
            *current = None;
        }
        Ok(step)
    }

    /// These rows change now. Called while nobody else looks at the realm.
    pub fn record_changes(&self, changes: &[Change]) {
        let mut current = self.0.lock();
        let Some(backup) = current.as_mut() else { return };
        let keys = changes.iter().map(|change| match change {
            Change::Put(row) => row.key(),
            Change::Delete(key) => key.clone(),
        });
        backup.changed_keys.extend(keys.filter(|key| !matches!(key, Key::Seen(_))));
        if backup.changed_keys.len() > CHANGED_KEYS_MAX {
            tracing::warn!("a backup was given up: too much changed meanwhile");
            *current = None;
        }
    }

    /// Forgets a backup that nobody goes on with.
    pub fn expire(&self, now: Millis) {
        let mut current = self.0.lock();
        current.take_if(|backup| backup.is_idle(now));
    }
}

impl BackupSession {
    fn is_idle(&self, now: Millis) -> bool {
        now >= self.last_used.saturating_add(IDLE_MS)
    }

    fn step(&mut self, realm: &Realm, seq: Seq) -> BackupStep {
        let (mut step, mut budget) = (BackupStep::default(), StepBudget::default());
        if !self.walk_done {
            let mut rows = realm.rows_after(self.position.as_ref());
            while budget.has_room() {
                // Which entries were applied a moment ago means nothing elsewhere.
                let row = rows.next().filter(|row| !matches!(row, Row::Seen(..)));
                let Some(row) = row else {
                    self.walk_done = true;
                    break;
                };
                let (key, value) = (row.key(), row.value());
                budget.consume(value.len());
                step.rows.push(StoredRow::new(&key, &value));
                self.position = Some(key);
            }
        }
        while self.walk_done && budget.has_room() {
            let Some(key) = self.changed_keys.pop_first() else { break };
            match realm.row(&key) {
                Some(row) => {
                    let value = row.value();
                    budget.consume(value.len());
                    step.rows.push(StoredRow::new(&key, &value));
                }
                None => {
                    budget.consume(0);
                    step.removed.push(key.hex());
                }
            }
        }
        add_to_checksum(&mut self.checksum, &step.rows, &step.removed);
        // What was given before and did not change since is still so.
        let is_last = self.walk_done && self.changed_keys.is_empty();
        step.end = is_last.then(|| BackupEnd { seq, sha256: self.checksum.to_hex() });
        step
    }
}

/// What one step may still hold.
struct StepBudget {
    rows: usize,
    bytes: usize,
}

impl Default for StepBudget {
    fn default() -> Self {
        Self { rows: STEP_ROWS, bytes: STEP_BYTES }
    }
}

impl StepBudget {
    fn has_room(&self) -> bool {
        self.rows > 0 && self.bytes > 0
    }

    fn consume(&mut self, bytes: usize) {
        self.rows -= 1;
        self.bytes = self.bytes.saturating_sub(bytes + KEY_BYTES);
    }
}

/// About what a row takes beside its value.
const KEY_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::{ProfileNo, UserNo};

    const OWNER: SessionNo = SessionNo(1);

    fn member(user: u32) -> Row {
        Row::Member(ProfileNo(1), UserNo(user))
    }

    /// Puts the steps together, as a client does.
    fn put_together(rows: &mut std::collections::BTreeMap<Key, Row>, step: &BackupStep) {
        for row in &step.rows {
            let row = row.read().unwrap();
            rows.insert(row.key(), row);
        }
        for key in &step.removed {
            rows.remove(&Key::from_hex(key).unwrap());
        }
    }

    #[test]
    fn what_changes_between_steps_is_given_again() {
        let (backups, mut realm) = (BackupSessions::default(), Realm::default());
        realm.apply_changes(&(0..2_000).map(|user| Change::Put(member(user))).collect::<Vec<_>>());
        backups.begin(7, OWNER, 0).unwrap();
        let (mut rows, mut checksum, mut seq) =
            (std::collections::BTreeMap::new(), ExportChecksum::default(), 0);
        let end = loop {
            let step = backups.step(7, OWNER, 0, (&realm, seq)).unwrap();
            put_together(&mut rows, &step);
            add_to_checksum(&mut checksum, &step.rows, &step.removed);
            if let Some(end) = step.end {
                break end;
            }
            if seq < 6 {
                // One that was given goes, one that was not goes, a new one comes behind the walk.
                let seq = seq as u32;
                let removed = [seq, 1_999 - seq].map(|user| Change::Delete(member(user).key()));
                let new = Row::Member(ProfileNo(0), UserNo(seq));
                let changes = [&removed[..], &[Change::Put(new)]].concat();
                realm.apply_changes(&changes);
                backups.record_changes(&changes);
            }
            seq += 1;
        };
        assert_eq!(end, BackupEnd { seq, sha256: checksum.to_hex() });
        assert!(seq >= 4, "several steps");
        assert!(rows.into_values().eq(realm.rows()));
        assert_eq!(backups.step(7, OWNER, 0, (&realm, 0)).unwrap_err(), StepError::Unknown);
    }

    #[test]
    fn one_backup_goes_on_at_a_time_and_an_idle_one_gives_way() {
        let (backups, realm) = (BackupSessions::default(), Realm::default());
        backups.begin(1, OWNER, 0).unwrap();
        let other = SessionNo(2);
        assert_eq!(backups.begin(2, other, 1_000), Err(StepError::Busy(IDLE_MS - 1_000)));
        assert_eq!(backups.step(1, other, 0, (&realm, 0)).unwrap_err(), StepError::Unknown);
        backups.begin(2, other, IDLE_MS).unwrap();
        assert_eq!(backups.step(1, OWNER, 0, (&realm, 0)).unwrap_err(), StepError::Unknown);
        backups.expire(2 * IDLE_MS);
        assert_eq!(backups.step(2, other, 0, (&realm, 0)).unwrap_err(), StepError::Unknown);
    }
}
