//! A ledger: numbered records in a separate tree, each chained to all before it.
//!
//! The numbers begin at 1 and have no gaps. The command log and the audit trail are ledgers. sled
//! has neither append-only records nor a hash chain, so the ledger adds both to a tree of sled.
//!
//! In sled, an additional value costs far more than additional bytes in an existing value. Records
//! that are appended together are therefore stored together, as a block.

use std::iter::Peekable;

use parking_lot::RwLock;

use super::block::{self, Block};
use crate::storage::error::StoreError;
use crate::storage::hash_chain::ChainEnd;
use crate::storage::high_water_mark;

/// The most records that one trim removes.
const TRIM_MAX: u64 = 512;

/// The stored records of a ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    tree: sled::Tree,
    /// What a record is called in errors.
    record_name: &'static str,
    /// Held shared while `block_before` and `verify` read several values, and exclusively while a
    /// trim writes. The readers therefore never find a block of which a trim has removed some
    /// values.
    trimmed: RwLock<()>,
}

impl Ledger {
    /// Opens the ledger in a tree; `record_name` is what errors call a record.
    pub(crate) fn new(tree: sled::Tree, record_name: &'static str) -> Self {
        Self { tree, record_name, trimmed: RwLock::new(()) }
    }

    /// Stores a finished block in one batch: completely or not at all.
    pub(crate) fn append(&self, block: &Block) -> sled::Result<()> {
        let mut batch = sled::Batch::default();
        block.values().for_each(|(key, value)| batch.insert(&key[..], value));
        self.tree.apply_batch(batch)
    }

    /// Removes all values of a block.
    pub(crate) fn remove_block(&self, block: &Block) -> sled::Result<()> {
        self.keys(block).try_for_each(|key| self.tree.remove(key?).map(drop))
    }

    /// Removes the blocks that begin after the record `no`.
    pub(crate) fn truncate_after(&self, no: u64) -> Result<(), StoreError> {
        for key in self.tree.range((no + 1).to_be_bytes()..).keys() {
            self.tree.remove(key?)?;
        }
        Ok(())
    }

    fn keys(&self, block: &Block) -> impl Iterator<Item = sled::Result<sled::IVec>> {
        let (from, to) = (block.first().to_be_bytes(), (block.first() + 1).to_be_bytes());
        self.tree.range(from..to).keys()
    }

    /// Returns the trim anchor: the last removed record, to which the first stored record is
    /// chained; the default if no record was removed. The anchor is stored under the number 0.
    pub(crate) fn anchor(&self) -> Result<ChainEnd, StoreError> {
        let anchor = self.tree.range(..1_u64.to_be_bytes()).next_back();
        let Some((_, bytes)) = anchor.transpose()? else {
            return Ok(ChainEnd::default());
        };
        let (no, hash) = high_water_mark::decode(&bytes).ok_or_else(|| {
            StoreError::Damaged(format!(
                "the number and hash of the newest {} that was removed by retention cannot be read",
                self.record_name
            ))
        })?;
        Ok(ChainEnd { no, hash })
    }

    /// Returns the end of the chain: the last record, or the anchor if no record is stored.
    pub(crate) fn last(&self) -> Result<ChainEnd, StoreError> {
        match self.block_before(u64::MAX)? {
            Some(block) => Ok(ChainEnd { no: block.last(), hash: block.chain_hash() }),
            None => self.anchor(),
        }
    }

    /// Returns the newest block that begins before this number; `None` if no block does.
    pub(crate) fn block_before(&self, no: u64) -> Result<Option<Block>, StoreError> {
        let _guard = self.trimmed.read();
        let first = self.first_before(no)?;
        first.map_or(Ok(None), |first| self.blocks(first, first).next().transpose())
    }

    fn first_before(&self, no: u64) -> Result<Option<u64>, StoreError> {
        let found = self.tree.get_lt(no.to_be_bytes())?;
        Ok(found.map(|(key, _)| number(&key)).filter(|first| *first > 0))
    }

    /// Returns the blocks from the record `no` to the record `upto`, in order. The first block
    /// contains the record `no`, or is the last block before `no` if that record is not stored. If
    /// all stored blocks begin after `no`, the first item is an error. The final block is the last
    /// that begins at or before `upto`. The iterator ends after the first error.
    ///
    /// No lock protects the iterator from a trim: it is used only at start, before any trim.
    pub(crate) fn blocks_from(&self, no: u64, upto: u64) -> Result<Blocks, StoreError> {
        let first = self.first_before(no.saturating_add(1))?;
        Ok(self.blocks(first.unwrap_or(no), upto))
    }

    fn blocks(&self, first: u64, upto: u64) -> Blocks {
        let values = self.tree.range(first.to_be_bytes()..(upto.saturating_add(1)).to_be_bytes());
        Blocks { values: Some(values.peekable()), next: first, record_name: self.record_name }
    }

    /// Checks the chain from the anchor to the last block that begins at or before `upto`, and
    /// calls `step` with each block and the chain end after it. Returns the anchor and the end of
    /// the chain.
    pub(crate) fn verify(
        &self,
        upto: u64,
        mut step: impl FnMut(&Block, ChainEnd) -> Result<(), StoreError>,
    ) -> Result<(ChainEnd, ChainEnd), StoreError> {
        let _guard = self.trimmed.read();
        let anchor = self.anchor()?;
        let mut end = anchor;
        for block in self.blocks(anchor.no + 1, upto) {
            let block = block?;
            end = block.end_after(end);
            if end.hash != block.chain_hash() {
                let (noun, last) = (self.record_name, block.last());
                let why = format!("{noun} {last} or an earlier one was altered");
                return Err(StoreError::Damaged(why));
            }
            step(&block, end)?;
        }
        Ok((anchor, end))
    }

    /// Removes the oldest records, at most [`TRIM_MAX`], as long as `is_old` returns true, and
    /// returns the new anchor.
    ///
    /// A block of which some records remain is replaced by a block with the remaining records. The
    /// removals and the new anchor are one batch, so an interrupted trim changes nothing.
    pub(crate) fn trim(
        &self,
        mut is_old: impl FnMut(u64, &[u8]) -> Result<bool, StoreError>,
    ) -> Result<ChainEnd, StoreError> {
        let anchor = self.anchor()?;
        let (mut end, mut batch) = (anchor, sled::Batch::default());
        for block in self.blocks(anchor.no + 1, u64::MAX) {
            let (block, begun) = (block?, end.no);
            let mut rest = Block::after(begun);
            for (no, record) in block.records() {
                if rest.count() == 0 && no <= anchor.no + TRIM_MAX && is_old(no, record)? {
                    end = end.extend(record);
                    rest = Block::after(no);
                } else {
                    rest.push(|to| to.extend_from_slice(record));
                }
            }
            if end.no == begun {
                break;
            }
            for key in self.keys(&block) {
                batch.remove(key?);
            }
            if rest.count() > 0 {
                rest.finish_with(block.chain_hash());
                rest.values().for_each(|(key, value)| batch.insert(&key[..], value));
                break;
            }
        }
        if end != anchor {
            batch.insert(&block::chunk_key(0, 0), high_water_mark::encode(end.no, end.hash));
            let _guard = self.trimmed.write();
            self.tree.apply_batch(batch)?;
        }
        Ok(end)
    }
}

/// An iterator over stored blocks.
pub(crate) struct Blocks {
    /// `None` after an error.
    values: Option<Peekable<sled::Iter>>,
    /// The number with which the next block must begin.
    next: u64,
    record_name: &'static str,
}

impl Iterator for Blocks {
    type Item = Result<Block, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.read().transpose()?;
        match &block {
            Ok(block) => self.next = block.last() + 1,
            Err(_) => self.values = None,
        }
        Some(block)
    }
}

impl Blocks {
    fn read(&mut self) -> Result<Option<Block>, StoreError> {
        let Some(values) = &mut self.values else { return Ok(None) };
        let Some(value) = values.next() else { return Ok(None) };
        let (stored_key, value) = value?;
        let no = self.next;
        let damaged = |why| StoreError::Damaged(format!("{} {no} {why}", self.record_name));
        let mut bytes = match &stored_key[..] {
            key if *key == block::chunk_key(no, 0) => value.to_vec(),
            // Stores of the formats 1 to 4 have audit rows under such keys, without the number of
            // chunks.
            key if *key == no.to_be_bytes() => [&1_u32.to_be_bytes()[..], &value].concat(),
            key if number(key) > no => return Err(damaged("is missing")),
            _ => return Err(damaged("is cut off or overwritten")),
        };
        let short = || damaged("is cut off");
        for chunk in 1..Block::chunks(&bytes).ok_or_else(short)? {
            let expected_key = block::chunk_key(no, chunk);
            let is_next = |value: &sled::Result<(sled::IVec, sled::IVec)>| {
                value.as_ref().map_or(true, |(key, _)| **key == expected_key)
            };
            let (_, value) = values.next_if(is_next).ok_or_else(short)??;
            bytes.extend_from_slice(&value);
        }
        Block::decode(no, bytes).map(Some).ok_or_else(short)
    }
}

/// Returns the record number in a key; 0 for the key of the anchor.
fn number(key: &[u8]) -> u64 {
    key.first_chunk().map_or(0, |no| u64::from_be_bytes(*no))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(no: u64) -> String {
        format!("record {no} {}", "x".repeat(no as usize * 100))
    }

    /// Returns a ledger whose blocks end with these records; each record contains its number.
    fn ledger(block_ends: &[u64]) -> (Ledger, ChainEnd) {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let ledger = Ledger::new(db.open_tree("ledger").unwrap(), "record");
        let end =
            block_ends.iter().fold(ChainEnd::default(), |end, last| extend(&ledger, end, *last));
        (ledger, end)
    }

    fn extend(ledger: &Ledger, end: ChainEnd, last: u64) -> ChainEnd {
        let mut block = Block::after(end.no);
        (end.no + 1..=last).for_each(|no| block.push(|to| to.extend(record(no).bytes())));
        let end = block.finish(end);
        ledger.append(&block).unwrap();
        end
    }

    fn numbers(blocks: impl Iterator<Item = Result<Block, StoreError>>) -> Vec<(u64, u64)> {
        let whole = |block: &Block| {
            block.records().for_each(|(no, bytes)| assert_eq!(bytes, record(no).as_bytes()));
        };
        let blocks = blocks.map(Result::unwrap).inspect(whole);
        blocks.map(|it| (it.first(), it.last())).collect()
    }

    fn back(ledger: &Ledger, mut no: u64) -> Vec<(u64, u64)> {
        numbers(std::iter::from_fn(|| {
            let block = ledger.block_before(no).transpose()?;
            no = block.as_ref().map_or(0, Block::first);
            Some(block)
        }))
    }

    fn verified(ledger: &Ledger) -> Result<(ChainEnd, ChainEnd), String> {
        ledger.verify(u64::MAX, |_, _| Ok(())).map_err(|error| error.to_string())
    }

    #[test]
    fn blocks_are_found_by_each_of_their_records_in_both_directions() {
        // The second block has many chunks.
        let (ledger, end) = ledger(&[2, 60, 61]);
        assert_eq!(verified(&ledger).unwrap(), (ChainEnd::default(), end));
        assert_eq!(ledger.last().unwrap(), end);
        let from = |no, upto| numbers(ledger.blocks_from(no, upto).unwrap());
        assert_eq!(from(1, 100), [(1, 2), (3, 60), (61, 61)]);
        assert_eq!(from(60, 60), [(3, 60)]);
        assert_eq!(from(62, 100), [(61, 61)], "not the last block before record 62");
        assert_eq!(back(&ledger, u64::MAX), [(61, 61), (3, 60), (1, 2)]);
        assert_eq!(back(&ledger, 4), [(3, 60), (1, 2)]);
        assert_eq!(back(&ledger, 3), [(1, 2)]);
        assert_eq!(back(&ledger, 1), []);
    }

    #[test]
    fn a_trim_may_end_within_a_block() {
        let (ledger, end) = ledger(&[2, 60, 61]);
        let upto = |last| move |no, _: &[u8]| Ok(no <= last);
        for (requested, trimmed, first) in [(0, 0, (1, 2)), (1, 1, (2, 2)), (40, 40, (41, 60))] {
            assert_eq!(ledger.trim(upto(requested)).unwrap().no, trimmed);
            let (anchor, last) = verified(&ledger).unwrap();
            assert_eq!((anchor.no, last), (trimmed, end));
            assert_eq!(back(&ledger, u64::MAX).last(), Some(&first));
        }
        assert_eq!(ledger.trim(upto(61)).unwrap(), end);
        assert_eq!((back(&ledger, u64::MAX), ledger.last().unwrap()), (vec![], end));
        let end = extend(&ledger, end, 2_000);
        assert_eq!(ledger.trim(upto(u64::MAX)).unwrap().no, 61 + TRIM_MAX, "not TRIM_MAX records");
        assert_eq!(verified(&ledger).unwrap().1, end);
    }

    #[test]
    fn what_is_missing_or_altered_is_named() {
        let (ledger, end) = ledger(&[2, 60, 61]);
        let (first, chunk) = (block::chunk_key(3, 0), block::chunk_key(3, 9));
        let cases: [(&str, &dyn Fn()); 5] = [
            ("record 3 is missing", &|| {
                ledger.keys(&second_block(&ledger)).for_each(|it| {
                    ledger.tree.remove(it.unwrap()).unwrap();
                })
            }),
            ("record 3 is cut off", &|| drop(ledger.tree.remove(chunk).unwrap())),
            ("record 3 is cut off", &|| drop(ledger.tree.remove(first).unwrap())),
            ("record 3 is cut off", &|| drop(ledger.tree.insert(first, &[0, 0]).unwrap())),
            ("record 60 or an earlier one was altered", &|| {
                let mut bytes = ledger.tree.get(chunk).unwrap().unwrap().to_vec();
                let x = bytes.iter_mut().find(|it| **it == b'x').unwrap();
                *x = b'y';
                ledger.tree.insert(chunk, bytes).unwrap();
            }),
        ];
        for (text, harm) in cases {
            let kept: Vec<_> = ledger.tree.iter().map(Result::unwrap).collect();
            harm();
            let error = verified(&ledger).unwrap_err();
            assert!(error.contains(text), "expected {text:?} in {error:?}");
            kept.into_iter().for_each(|(key, value)| drop(ledger.tree.insert(key, value).unwrap()));
            assert_eq!(verified(&ledger).unwrap().1, end);
        }
        // A value that belongs to no block is an error, until `truncate_after` removes the value.
        ledger.tree.insert(block::chunk_key(3, 4_000), &[0]).unwrap();
        assert!(verified(&ledger).unwrap_err().contains("record 61 is cut off or overwritten"));
        ledger.truncate_after(2).unwrap();
        assert_eq!(verified(&ledger).unwrap().1, ledger.last().unwrap());
        assert_eq!(ledger.last().unwrap().no, 2);
    }

    fn second_block(ledger: &Ledger) -> Block {
        ledger.block_before(4).unwrap().unwrap()
    }
}
