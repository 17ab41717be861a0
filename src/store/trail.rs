//! The audit trail: rows in a tree of their own, numbered without a gap, each with its link of a
//! chain. Never loaded into the realm, kept longer than the log.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::StoreError;
use crate::log::chain::Link;
use crate::log::mark;
use crate::realm::{Audited, Millis};

/// The number of an audit row (SEQUENCE): 1, 2, 3, …
pub type AuditNo = u64;

/// Where the chain begins when old rows were trimmed: the last of them and its link, at a key
/// before all rows.
const ANCHOR: [u8; 8] = [0; 8];
/// Rows that are trimmed in one step.
const TRIM_MAX: usize = 1_024;
/// Rows that a gateway without a disk keeps.
const MEMORY_MAX: usize = 10_000;

/// The last row and the link over all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) no: AuditNo,
    pub(super) link: Link,
}

#[derive(Debug)]
enum Kept {
    Disk(sled::Tree),
    Memory(Mutex<BTreeMap<AuditNo, Audited>>),
}

/// All rows that are kept.
#[derive(Debug)]
pub struct Trail {
    kept: Kept,
    end: Mutex<End>,
}

impl Trail {
    /// A trail that a restart forgets.
    pub fn in_memory() -> Self {
        Self { kept: Kept::Memory(Mutex::default()), end: Mutex::default() }
    }

    /// The trail in a tree, which is to end here.
    pub(super) fn on_disk(tree: sled::Tree, end: End) -> Self {
        Self { kept: Kept::Disk(tree), end: Mutex::new(end) }
    }

    /// The number of the newest row; 0: there is none.
    pub fn last(&self) -> AuditNo {
        self.end.lock().no
    }

    /// Keeps rows where there is no disk.
    pub fn keep(&self, audited: &[Audited]) {
        let (Kept::Memory(kept), mut end) = (&self.kept, self.end.lock()) else { return };
        let mut kept = kept.lock();
        for row in audited {
            end.no += 1;
            kept.insert(end.no, row.clone());
            if kept.len() > MEMORY_MAX {
                kept.pop_first();
            }
        }
    }

    /// New rows as stored values, and where the trail ends with them; nothing changes yet.
    pub(super) fn link(&self, audited: &[Audited]) -> (sled::Batch, End) {
        let (mut batch, mut end) = (sled::Batch::default(), *self.end.lock());
        for row in audited {
            // Plain structs with text keys cannot fail to serialise.
            let bytes = serde_json::to_vec(row).unwrap_or_default();
            end.no += 1;
            end.link = end.link.next(end.no, &bytes);
            batch.insert(&end.no.to_be_bytes(), [&end.link.0[..], &bytes].concat());
        }
        (batch, end)
    }

    /// The rows up to here are stored.
    pub(super) fn ends(&self, end: End) {
        *self.end.lock() = end;
    }

    pub(super) fn tree(&self) -> Option<&sled::Tree> {
        match &self.kept {
            Kept::Disk(tree) => Some(tree),
            Kept::Memory(_) => None,
        }
    }

    /// Rows before a number, or the newest ones: at most `most`, newest first. Blocking.
    pub fn before(
        &self,
        before: Option<AuditNo>,
        most: usize,
    ) -> Result<Vec<(AuditNo, Audited)>, StoreError> {
        let before = before.unwrap_or(AuditNo::MAX).max(1);
        match &self.kept {
            Kept::Memory(kept) => {
                let kept = kept.lock();
                let rows = kept.range(1..before).rev().take(most);
                Ok(rows.map(|(no, row)| (*no, row.clone())).collect())
            }
            Kept::Disk(tree) => {
                let rows = tree.range(1_u64.to_be_bytes()..before.to_be_bytes()).rev().take(most);
                let read = |row: sled::Result<(sled::IVec, sled::IVec)>| {
                    let (key, value) = row.map_err(StoreError::sled)?;
                    let (no, _, bytes) = split(&key, &value)?;
                    Ok((no, decode(no, bytes)?))
                };
                rows.map(read).collect()
            }
        }
    }

    /// Checks that the newest row is the one that the store knows as the last.
    pub(super) fn check_end(&self) -> Result<(), StoreError> {
        let (Some(tree), end) = (self.tree(), *self.end.lock()) else { return Ok(()) };
        let last = tree.last().map_err(StoreError::sled)?;
        let found = match &last {
            Some((key, value)) if **key == ANCHOR => mark::decode(value)
                .map(|(no, link)| End { no, link })
                .ok_or_else(|| damaged(0, "its beginning cannot be read"))?,
            Some((key, value)) => split(key, value).map(|(no, link, _)| End { no, link })?,
            None => End::default(),
        };
        let short = || StoreError::Damaged("audit rows are missing at the end".to_owned());
        (found == end).then_some(()).ok_or_else(short)
    }

    /// Walks the whole chain and gives the first and the number of its rows; `step` is told each.
    pub fn verify(&self, mut step: impl FnMut(AuditNo)) -> Result<(AuditNo, u64), StoreError> {
        let (Some(tree), end) = (self.tree(), *self.end.lock()) else { return Ok((1, 0)) };
        let mut at = self.anchor(tree)?;
        let first = at.no + 1;
        for row in tree.range(1_u64.to_be_bytes()..) {
            let (key, value) = row.map_err(StoreError::sled)?;
            let (no, link, bytes) = split(&key, &value)?;
            if no != at.no + 1 {
                return Err(damaged(at.no + 1, "is missing"));
            }
            if at.link.next(no, bytes) != link {
                return Err(damaged(no, "was altered, or rows before it were"));
            }
            decode(no, bytes)?;
            at = End { no, link };
            step(no);
        }
        match at == end {
            true => Ok((first, at.no + 1 - first)),
            false => Err(damaged(at.no + 1, "is missing")),
        }
    }

    fn anchor(&self, tree: &sled::Tree) -> Result<End, StoreError> {
        let anchor = tree.get(ANCHOR).map_err(StoreError::sled)?;
        let Some(bytes) = anchor else { return Ok(End::default()) };
        let (no, link) =
            mark::decode(&bytes).ok_or_else(|| damaged(0, "its beginning cannot be read"))?;
        Ok(End { no, link })
    }

    /// Forgets rows from before this time, a bounded number of them; gives how many. Blocking.
    pub fn trim(&self, before: Millis) -> Result<usize, StoreError> {
        let Some(tree) = self.tree() else { return Ok(0) };
        let (mut batch, mut gone, mut anchor) = (sled::Batch::default(), 0, None);
        for row in tree.range(1_u64.to_be_bytes()..).take(TRIM_MAX) {
            let (key, value) = row.map_err(StoreError::sled)?;
            let (no, link, bytes) = split(&key, &value)?;
            if decode(no, bytes)?.at >= before {
                break;
            }
            batch.remove(key);
            (gone, anchor) = (gone + 1, Some(mark::encode(no, link)));
        }
        if let Some(anchor) = anchor {
            batch.insert(&ANCHOR, anchor);
            tree.apply_batch(batch).map_err(StoreError::sled)?;
        }
        Ok(gone)
    }
}

fn split<'a>(key: &[u8], value: &'a [u8]) -> Result<(AuditNo, Link, &'a [u8]), StoreError> {
    let no = key.try_into().map(AuditNo::from_be_bytes);
    let no = no.map_err(|_| damaged(0, "has a key that is no number"))?;
    let parts = value.split_at_checked(32).and_then(|(link, rest)| Some((Link::read(link)?, rest)));
    parts.map(|(link, rest)| (no, link, rest)).ok_or_else(|| damaged(no, "is cut off"))
}

fn decode(no: AuditNo, bytes: &[u8]) -> Result<Audited, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| damaged(no, "cannot be read"))
}

fn damaged(no: AuditNo, why: &str) -> StoreError {
    StoreError::Damaged(format!("audit row {no} {why}"))
}
