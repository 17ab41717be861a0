//! The audit trail: audit rows, numbered without gaps and hash-chained.
//!
//! The rows have a tree of their own in the database. They are never loaded into the realm, and how
//! long they are kept does not depend on the log. New rows wait in memory, and are read from there,
//! until they are saved together with the rows of the realm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use protocol::write_json;

use super::error::StoreError;
use super::hash_chain::ChainEnd;
use super::ledger::{Block, Ledger};
use crate::realm::{AuditEvent, Millis};

/// The number of an audit row (SEQUENCE): 1, 2, 3, …
pub type AuditNo = u64;

/// The target of log lines with audit rows.
pub const AUDIT_TARGET: &str = "audit";

/// The size limit of one block, in bytes. The last row of the block may exceed it. sled serialises
/// writes, so a larger block would delay commits of the log.
const BLOCK_BYTES: usize = 16 << 10;
/// The most rows that a gateway without a disk keeps.
const MEMORY_MAX: usize = 10_000;

/// The audit trail of a gateway.
#[derive(Debug)]
pub struct AuditTrail {
    /// The stored rows; `None` if all rows are in memory and lost at a restart.
    ledger: Option<Ledger>,
    /// The end of the trail that the row store has recorded. Later rows in the ledger do not count.
    saved_end: Mutex<ChainEnd>,
    /// The rows after `saved_end`, in memory.
    unsaved: Mutex<BTreeMap<AuditNo, Arc<AuditEvent>>>,
    /// Whether each appended row becomes a line of the log.
    is_logged: AtomicBool,
}

impl AuditTrail {
    /// Creates a trail in memory, which is lost at a restart.
    pub fn in_memory() -> Self {
        Self {
            ledger: None,
            saved_end: Mutex::default(),
            unsaved: Mutex::default(),
            is_logged: AtomicBool::new(false),
        }
    }

    /// Opens the trail in a tree; `end` is the end that the row store has recorded.
    pub(super) fn on_disk(tree: sled::Tree, end: ChainEnd) -> Self {
        let ledger = Some(Ledger::new(tree, "audit row"));
        Self { ledger, saved_end: Mutex::new(end), ..Self::in_memory() }
    }

    /// Sets whether each row that is appended from now on becomes a line of the log. Rows that a
    /// start reads or appends again are appended before the first call.
    pub fn log_rows(&self, on: bool) {
        self.is_logged.store(on, Ordering::Relaxed);
    }

    /// Returns the number of the newest row; 0 if the trail is empty.
    pub fn last(&self) -> AuditNo {
        let newest = self.unsaved.lock().last_key_value().map(|(no, _)| *no);
        newest.unwrap_or_else(|| self.saved_end.lock().no)
    }

    /// Appends rows and returns the number of the first. Only the thread that applies entries may
    /// call this, because the last number is read before the rows are locked.
    pub fn append(&self, audited: &[Arc<AuditEvent>]) -> AuditNo {
        let first = self.last() + 1;
        if self.is_logged.load(Ordering::Relaxed) {
            (first..).zip(audited).for_each(|(no, row)| log_row(no, row));
        }
        let mut unsaved = self.unsaved.lock();
        unsaved.extend((first..).zip(audited.iter().cloned()));
        while self.ledger.is_none() && unsaved.len() > MEMORY_MAX {
            unsaved.pop_first();
        }
        first
    }

    /// Stores the rows up to `upto` in the ledger and returns the new end of the trail.
    ///
    /// The rows count only once the row store has recorded this end. A restart before that removes
    /// them, and applies the log again, which creates them again.
    pub(super) fn save(&self, upto: AuditNo) -> Result<ChainEnd, StoreError> {
        let mut end = *self.saved_end.lock();
        let Some(ledger) = &self.ledger else { return Ok(end) };
        while end.no < upto {
            let mut block = Block::after(end.no);
            while block.last() < upto && block.size() < BLOCK_BYTES {
                let no = block.last() + 1;
                let row = self.unsaved.lock().get(&no).cloned();
                let missing = || StoreError::Damaged(format!("audit row {no} is missing"));
                let row = row.ok_or_else(missing)?;
                block.push(|to| write_json(to, &*row));
            }
            end = block.finish(end);
            ledger.append(&block)?;
        }
        Ok(end)
    }

    /// Sets the end that the row store has recorded, and drops the rows up to it from memory.
    pub(super) fn confirm_saved(&self, end: ChainEnd) {
        // `saved_end` is set before the rows are removed from memory. `last` reads memory first, so
        // it always finds the number of the newest row in one of the two.
        *self.saved_end.lock() = end;
        let mut unsaved = self.unsaved.lock();
        *unsaved = unsaved.split_off(&(end.no + 1));
    }

    /// Returns at most `most` rows before a number (`None`: the newest rows), newest first. Reads
    /// the disk, so it blocks.
    pub fn read_before(
        &self,
        before: Option<AuditNo>,
        most: usize,
    ) -> Result<Vec<(AuditNo, AuditEvent)>, StoreError> {
        let before = before.unwrap_or(AuditNo::MAX).max(1);
        let unsaved = self.unsaved.lock();
        let newest = unsaved.range(1..before).rev().take(most);
        let mut found: Vec<_> = newest.map(|(no, row)| (*no, AuditEvent::clone(row))).collect();
        drop(unsaved);
        let Some(ledger) = &self.ledger else { return Ok(found) };
        // Rows leave memory only when they are in the ledger, so no row is missed. The rows just
        // found may be in the ledger by now, too. The ledger is therefore read only before the
        // oldest found row, so that no row is returned twice.
        let mut before = found.last().map_or(before, |(no, _)| *no);
        while found.len() < most
            && let Some(block) = ledger.block_before(before)?
        {
            let rows: Vec<_> = block.records().take_while(|(no, _)| *no < before).collect();
            for (no, bytes) in rows.into_iter().rev().take(most - found.len()) {
                found.push((no, decode(no, bytes)?));
            }
            before = block.first();
        }
        Ok(found)
    }

    /// Removes the rows after the recorded end, which an interrupted save left behind, and checks
    /// that the ledger ends at the recorded end.
    pub(super) fn verify_end(&self) -> Result<(), StoreError> {
        let (Some(ledger), end) = (&self.ledger, *self.saved_end.lock()) else { return Ok(()) };
        ledger.truncate_after(end.no)?;
        let incomplete = || StoreError::Damaged("the newest audit rows are missing".to_owned());
        (ledger.last()? == end).then_some(()).ok_or_else(incomplete)
    }

    /// Checks the whole chain and calls `step` with the number of each row. Returns the number of
    /// the first row and the count of all rows.
    pub fn verify(&self, mut step: impl FnMut(AuditNo)) -> Result<(AuditNo, u64), StoreError> {
        let (Some(ledger), end) = (&self.ledger, *self.saved_end.lock()) else { return Ok((1, 0)) };
        // Rows that are saved meanwhile are after this end, and are not checked.
        let (anchor, found) = ledger.verify(end.no, |block, _| {
            block.records().try_for_each(|(no, bytes)| {
                step(no);
                decode(no, bytes).map(drop)
            })
        })?;
        if found == end {
            Ok((anchor.no + 1, end.no - anchor.no))
        } else {
            Err(damaged(found.no + 1, "is missing"))
        }
    }

    /// Removes rows that are older than this time, the oldest first. Each call removes a bounded
    /// number. Returns the count of removed rows. Writes to the disk, so it blocks.
    pub fn trim(&self, before: Millis) -> Result<u64, StoreError> {
        let Some(ledger) = &self.ledger else { return Ok(0) };
        let (former, saved) = (ledger.anchor()?, self.saved_end.lock().no);
        let last = ledger.trim(|no, bytes| Ok(no <= saved && decode(no, bytes)?.at < before))?;
        Ok(last.no - former.no)
    }
}

/// Writes a row as a line of the log, for systems that collect logs. Unlike other lines that
/// clients can cause, these lines are not limited: the number of rows is.
fn log_row(sequence: AuditNo, row: &AuditEvent) {
    tracing::info!(
        target: AUDIT_TARGET,
        sequence,
        at = row.at,
        event = &*row.event,
        user_name = row.user_name.as_deref(),
        target = row.target.as_deref(),
        host = row.host.as_deref(),
        code = &*row.code,
        proof = row.proof.map(|proof| proof.word()),
        factor = row.factor.map(|factor| factor.word()),
        reason = row.reason.as_deref(),
        before = row.before.json(),
        after = row.after.json(),
        "audit row"
    );
}

fn decode(no: AuditNo, bytes: &[u8]) -> Result<AuditEvent, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| damaged(no, "cannot be read"))
}

fn damaged(no: AuditNo, why: &str) -> StoreError {
    StoreError::Damaged(format!("audit row {no} {why}"))
}
