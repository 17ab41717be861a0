//! The audit trail: rows in a tree of their own, numbered without a gap, each with its link of a
//! chain. Never loaded into the realm, kept longer than the log. New rows wait in memory until they
//! are saved with the rows of the realm, and are shown from there.

use std::collections::BTreeMap;
use std::sync::Arc;

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

/// All rows that are kept.
#[derive(Debug)]
pub struct Trail {
    /// None: a restart forgets them.
    tree: Option<sled::Tree>,
    /// Where the tree ends.
    end: Mutex<End>,
    /// What comes after, in memory.
    fresh: Mutex<BTreeMap<AuditNo, Arc<Audited>>>,
}

impl Trail {
    /// A trail that a restart forgets.
    pub fn in_memory() -> Self {
        Self { tree: None, end: Mutex::default(), fresh: Mutex::default() }
    }

    /// The trail in a tree, which is to end here.
    pub(super) fn on_disk(tree: sled::Tree, end: End) -> Self {
        Self { tree: Some(tree), end: Mutex::new(end), fresh: Mutex::default() }
    }

    /// The number of the newest row; 0: there is none.
    pub fn last(&self) -> AuditNo {
        let newest = self.fresh.lock().last_key_value().map(|(no, _)| *no);
        newest.unwrap_or_else(|| self.end.lock().no)
    }

    /// Takes new rows, from the one thread that makes them, and gives the number of the first.
    pub fn keep(&self, audited: &[Arc<Audited>]) -> AuditNo {
        let first = self.last() + 1;
        let mut fresh = self.fresh.lock();
        fresh.extend((first..).zip(audited.iter().cloned()));
        while self.tree.is_none() && fresh.len() > MEMORY_MAX {
            fresh.pop_first();
        }
        first
    }

    /// Stores rows up to `upto` and gives where the trail ends with them. They count once the store
    /// knows that end: before that a restart drops them, and the log makes them again.
    pub(super) fn store(&self, upto: AuditNo) -> Result<End, StoreError> {
        let mut end = *self.end.lock();
        let Some(tree) = &self.tree else { return Ok(end) };
        // One by one: a batch of many would keep the log from committing.
        while end.no < upto {
            let no = end.no + 1;
            let row = self.fresh.lock().get(&no).cloned();
            // Plain structs with text keys cannot fail to serialise.
            let bytes = row.and_then(|row| serde_json::to_vec(&*row).ok()).unwrap_or_default();
            end = End { no, link: end.link.next(no, &bytes) };
            let value = [&end.link.0[..], &bytes].concat();
            tree.insert(no.to_be_bytes(), value).map_err(StoreError::sled)?;
        }
        Ok(end)
    }

    /// The store knows that the trail ends here.
    pub(super) fn ends(&self, end: End) {
        // Whoever asks for the last finds it in the one place or in the other.
        *self.end.lock() = end;
        let mut fresh = self.fresh.lock();
        *fresh = fresh.split_off(&(end.no + 1));
    }

    /// Rows before a number, or the newest ones: at most `most`, newest first. Blocking.
    pub fn before(
        &self,
        before: Option<AuditNo>,
        most: usize,
    ) -> Result<Vec<(AuditNo, Audited)>, StoreError> {
        let before = before.unwrap_or(AuditNo::MAX).max(1);
        let fresh = self.fresh.lock();
        let newest = fresh.range(1..before).rev().take(most);
        let mut found: Vec<_> = newest.map(|(no, row)| (*no, Audited::clone(row))).collect();
        drop(fresh);
        let Some(tree) = &self.tree else { return Ok(found) };
        // What was in memory may be on the disk by now, too.
        let before = found.last().map_or(before, |(no, _)| *no);
        let stored = tree.range(1_u64.to_be_bytes()..before.to_be_bytes()).rev();
        for row in stored.take(most - found.len()) {
            let (key, value) = row.map_err(StoreError::sled)?;
            let (no, _, bytes) = split(&key, &value)?;
            found.push((no, decode(no, bytes)?));
        }
        Ok(found)
    }

    /// Checks that the newest row is the one that the store knows as the last; what a save left
    /// behind that did not end is dropped.
    pub(super) fn check_end(&self) -> Result<(), StoreError> {
        let (Some(tree), end) = (&self.tree, *self.end.lock()) else { return Ok(()) };
        for key in tree.range((end.no + 1).to_be_bytes()..).keys() {
            tree.remove(key.map_err(StoreError::sled)?).map_err(StoreError::sled)?;
        }
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
        let (Some(tree), end) = (&self.tree, *self.end.lock()) else { return Ok((1, 0)) };
        let mut at = self.anchor(tree)?;
        let first = at.no + 1;
        // Rows that are saved meanwhile come after this end.
        for row in tree.range(1_u64.to_be_bytes()..=end.no.to_be_bytes()) {
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
        let Some(tree) = &self.tree else { return Ok(0) };
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
