//! The audit trail: rows in a tree of their own, numbered without a gap, each with its link of a
//! chain. Never loaded into the realm, kept longer than the log. New rows wait in memory until they
//! are saved with the rows of the realm, and are shown from there.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use protocol::write_json;

use super::error::StoreError;
use super::hash_chain::ChainEnd;
use super::ledger::{Block, Ledger};
use crate::realm::{AuditEvent, Millis};
/// The number of an audit row (SEQUENCE): 1, 2, 3, …
pub type AuditNo = u64;

/// Bytes of rows that are stored together; the last may go over. A longer step would keep the log
/// from committing.
const BLOCK_BYTES: usize = 16 << 10;
/// Rows that a gateway without a disk keeps.
const MEMORY_MAX: usize = 10_000;

/// All rows that are kept.
#[derive(Debug)]
pub struct AuditTrail {
    /// None: a restart forgets them.
    ledger: Option<Ledger>,
    /// Where the ledger ends.
    saved_end: Mutex<ChainEnd>,
    /// What comes after, in memory.
    unsaved: Mutex<BTreeMap<AuditNo, Arc<AuditEvent>>>,
}

impl AuditTrail {
    /// A trail that a restart forgets.
    pub fn in_memory() -> Self {
        Self { ledger: None, saved_end: Mutex::default(), unsaved: Mutex::default() }
    }

    /// The trail in a tree, which is to end here.
    pub(super) fn on_disk(tree: sled::Tree, end: ChainEnd) -> Self {
        let ledger = Some(Ledger::new(tree, "audit row"));
        Self { ledger, saved_end: Mutex::new(end), unsaved: Mutex::default() }
    }

    /// The number of the newest row; 0: there is none.
    pub fn last(&self) -> AuditNo {
        let newest = self.unsaved.lock().last_key_value().map(|(no, _)| *no);
        newest.unwrap_or_else(|| self.saved_end.lock().no)
    }

    /// Takes new rows, from the one thread that makes them, and gives the number of the first.
    pub fn append(&self, audited: &[Arc<AuditEvent>]) -> AuditNo {
        let first = self.last() + 1;
        let mut unsaved = self.unsaved.lock();
        unsaved.extend((first..).zip(audited.iter().cloned()));
        while self.ledger.is_none() && unsaved.len() > MEMORY_MAX {
            unsaved.pop_first();
        }
        first
    }

    /// Stores rows up to `upto` and gives where the trail ends with them. They count once the store
    /// knows that end: before that a restart drops them, and the log makes them again.
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

    /// The store knows that the trail ends here.
    pub(super) fn confirm_saved(&self, end: ChainEnd) {
        // A reader of the last row finds it in the one place or in the other.
        *self.saved_end.lock() = end;
        let mut unsaved = self.unsaved.lock();
        *unsaved = unsaved.split_off(&(end.no + 1));
    }

    /// Rows before a number, or the newest ones: at most `most`, newest first. Blocking.
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
        // What was in memory may be on the disk by now, too.
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

    /// Checks that the newest row is the one that the store knows as the last; what a save left
    /// behind that did not end is dropped.
    pub(super) fn verify_end(&self) -> Result<(), StoreError> {
        let (Some(ledger), end) = (&self.ledger, *self.saved_end.lock()) else { return Ok(()) };
        ledger.truncate_after(end.no)?;
        let incomplete = || StoreError::Damaged("audit rows are missing at the end".to_owned());
        (ledger.last()? == end).then_some(()).ok_or_else(incomplete)
    }

    /// Walks the whole chain, calls `step` with each row and gives the first and their number.
    pub fn verify(&self, mut step: impl FnMut(AuditNo)) -> Result<(AuditNo, u64), StoreError> {
        let (Some(ledger), end) = (&self.ledger, *self.saved_end.lock()) else { return Ok((1, 0)) };
        // Rows that are saved meanwhile come after this end.
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

    /// Forgets rows from before this time, a bounded number of them; gives how many. Blocking.
    pub fn trim(&self, before: Millis) -> Result<u64, StoreError> {
        let Some(ledger) = &self.ledger else { return Ok(0) };
        let (former, saved) = (ledger.anchor()?, self.saved_end.lock().no);
        let last = ledger.trim(|no, bytes| Ok(no <= saved && decode(no, bytes)?.at < before))?;
        Ok(last.no - former.no)
    }
}

fn decode(no: AuditNo, bytes: &[u8]) -> Result<AuditEvent, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| damaged(no, "cannot be read"))
}

fn damaged(no: AuditNo, why: &str) -> StoreError {
    StoreError::Damaged(format!("audit row {no} {why}"))
}
