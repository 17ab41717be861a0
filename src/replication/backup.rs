//! A backup of a running gateway: all rows, read step by step.
//!
//! The rows are read in the order of their keys while entries continue to be applied. The keys of
//! rows that change meanwhile are recorded, and these rows are sent again. The last step sends the
//! remaining changed rows under one read lock of the realm. When the client has applied this step,
//! its rows equal the realm at the time of the step.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use protocol::to_json;

use crate::realm::{Change, Key, Millis, Realm, Row, SessionNo, StoredRow};
use crate::storage::{ExportChecksum, Seq};

/// Maximum number of rows of one step. No entry is applied while a step reads the realm.
const STEP_ROWS: usize = 250;
/// The approximate size of one step, in bytes.
const STEP_BYTES: usize = 96 * 1024;
/// Maximum number of keys of changed rows that wait to be sent. With more keys, the backup is
/// aborted.
const CHANGED_KEYS_MAX: usize = 1_000_000;
/// The time without a step after which a backup expires.
const IDLE_MS: Millis = 30_000;

/// The backup in progress, if any. Only one backup runs at a time, because a backup records the
/// keys of all changed rows.
#[derive(Debug, Default)]
pub struct BackupSessions(Mutex<Option<BackupSession>>);

#[derive(Debug)]
struct BackupSession {
    id: u128,
    owner: SessionNo,
    /// The key of the last row that was read; `None` if no row was read yet.
    position: Option<Key>,
    /// Whether every row was read once, so that only changed rows remain to be sent.
    walk_done: bool,
    /// The keys of rows that changed during the backup and must still be sent again.
    changed_keys: BTreeSet<Key>,
    last_used: Millis,
    checksum: ExportChecksum,
}

/// The result of one step.
#[derive(Debug, Default)]
pub struct BackupStep {
    /// Rows. A row replaces a row with the same key that was sent earlier.
    pub rows: Vec<StoredRow>,
    /// The keys of deleted rows, in hexadecimal.
    pub removed: Vec<String>,
    /// The end of the backup; `None` if further steps follow.
    pub end: Option<BackupEnd>,
}

/// The end of a backup, reported with its last step.
#[derive(Debug, PartialEq, Eq)]
pub struct BackupEnd {
    /// The last entry of the log that the rows reflect.
    pub seq: Seq,
    /// The checksum over the rows and the removed keys of all steps.
    pub sha256: String,
}

/// Adds a step to the checksum of a backup: its rows as JSON, then its removed keys, one line each.
pub fn add_to_checksum(checksum: &mut ExportChecksum, rows: &[StoredRow], removed: &[String]) {
    let rows = rows.iter().map(to_json);
    for line in rows.chain(removed.iter().map(|key| key.clone().into_bytes())) {
        checksum.add(&line);
        checksum.add(b"\n");
    }
}

/// Why a backup cannot begin or continue.
#[derive(Debug, PartialEq, Eq)]
pub enum StepError {
    /// The backup of another session is in progress. If that session requests no further step, its
    /// backup expires after this many milliseconds.
    Busy(Millis),
    /// No backup in progress has this id and owner: it is complete, expired, was replaced, or was
    /// aborted because too many rows changed.
    Unknown,
}

impl BackupSessions {
    /// Begins a backup with this id. Replaces an earlier backup of the same owner, or an expired
    /// backup of another owner.
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

    /// Returns the next step. The caller holds the read lock of `realm`; `seq` is the last entry
    /// that the realm reflects.
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

    /// Records the keys of changed rows. The caller applies the changes under the same write lock
    /// of the realm. A step runs under the read lock: it sees both a change and its recorded key,
    /// or neither.
    pub fn record_changes(&self, changes: &[Change]) {
        let mut current = self.0.lock();
        let Some(backup) = current.as_mut() else { return };
        let keys = changes.iter().map(|change| match change {
            Change::Put(row) => row.key(),
            Change::Delete(key) => key.clone(),
        });
        backup.changed_keys.extend(keys.filter(|key| !matches!(key, Key::Seen(_))));
        if backup.changed_keys.len() > CHANGED_KEYS_MAX {
            tracing::warn!(
                "backup aborted: too many rows changed while it ran; repeat it when the gateway \
                 has fewer changes"
            );
            *current = None;
        }
    }

    /// Removes a backup that has expired.
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
                // The last kind of rows, `Row::Seen`, has the ids of applied entries. These rows
                // are not sent, because they are meaningless in another store.
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
        // A row that was sent and has not changed since then equals the row in the realm. The
        // backup is therefore complete when no changed row remains.
        let is_last = self.walk_done && self.changed_keys.is_empty();
        step.end = is_last.then(|| BackupEnd { seq, sha256: self.checksum.to_hex() });
        step
    }
}

/// How many more rows and bytes one step may include.
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

/// The approximate size of a row without its value, in bytes.
const KEY_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::{ProfileNo, UserNo};

    const OWNER: SessionNo = SessionNo(1);

    fn member(user: u32) -> Row {
        Row::Member(ProfileNo(1), UserNo(user))
    }

    /// Applies a step to the collected rows, as a client does.
    fn apply_step(rows: &mut std::collections::BTreeMap<Key, Row>, step: &BackupStep) {
        for row in &step.rows {
            let row = row.read().unwrap();
            rows.insert(row.key(), row);
        }
        for key in &step.removed {
            rows.remove(&Key::from_hex(key).unwrap());
        }
    }

    #[test]
    fn rows_that_change_between_steps_are_sent_again() {
        let (backups, mut realm) = (BackupSessions::default(), Realm::default());
        realm.apply_changes(&(0..2_000).map(|user| Change::Put(member(user))).collect::<Vec<_>>());
        backups.begin(7, OWNER, 0).unwrap();
        let (mut rows, mut checksum, mut seq) =
            (std::collections::BTreeMap::new(), ExportChecksum::default(), 0);
        let end = loop {
            let step = backups.step(7, OWNER, 0, (&realm, seq)).unwrap();
            apply_step(&mut rows, &step);
            add_to_checksum(&mut checksum, &step.rows, &step.removed);
            if let Some(end) = step.end {
                break end;
            }
            if seq < 6 {
                // Delete a row that was sent and a row that was not sent yet. Insert a row whose
                // key precedes the current position.
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
        assert!(seq >= 4, "only {seq} steps before the last one");
        assert!(rows.into_values().eq(realm.rows()));
        assert_eq!(backups.step(7, OWNER, 0, (&realm, 0)).unwrap_err(), StepError::Unknown);
    }

    #[test]
    fn one_backup_runs_at_a_time_and_an_expired_backup_is_replaced() {
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
