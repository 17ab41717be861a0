//! A block: records that are stored together, in as few database values as possible.

use crate::storage::hash_chain::{ChainEnd, ChainHash};

/// The maximum size of a chunk, in bytes. A chunk is a part of a block that is stored as one value.
/// sled never syncs a value of more than about 4 KiB. A page of sled has 8 to 16 values, and some
/// pages stay in memory even with a small cache. Chunks of 3,500 bytes would be slightly faster,
/// but would take half a KiB more memory for each login.
const CHUNK: usize = 1_000;
/// The bytes of the header: the number of chunks, and the chain hash up to the end of the block.
const HEADER_BYTES: usize = 4 + 32;
/// The first byte after the header. Formats up to 4 stored each record in a value of its own,
/// without this byte; no record of these formats begins with it.
const MULTI_RECORD: u8 = 2;
/// The bytes of the length that precedes each record.
const LENGTH_BYTES: usize = 4;

/// The key of a chunk: the number of the first record of its block, and the number of the chunk.
pub(super) type ChunkKey = [u8; 12];

/// Returns the key of a chunk.
pub(super) fn chunk_key(first: u64, chunk: u32) -> ChunkKey {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&first.to_be_bytes());
    key[8..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// Numbered records, in the form in which they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    first: u64,
    count: u64,
    bytes: Vec<u8>,
}

impl Block {
    /// Creates an empty block, whose first record will have the number after `no`.
    pub(crate) fn after(no: u64) -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.push(MULTI_RECORD);
        Self { first: no + 1, count: 0, bytes }
    }

    /// Adds a record: the bytes that `write` appends.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.bytes.len();
        self.bytes.extend([0; LENGTH_BYTES]);
        write(&mut self.bytes);
        let length = (self.bytes.len() - at - LENGTH_BYTES) as u32;
        self.bytes[at..at + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        self.count += 1;
    }

    /// Returns the number of the first record.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Returns the number of the last record; without records, the number before `first`.
    pub(crate) fn last(&self) -> u64 {
        self.first + self.count - 1
    }

    /// Returns the number of records.
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    /// Returns the size of the block, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the records with their numbers.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest = &self.bytes[HEADER_BYTES + 1..];
        (self.first..self.first + self.count).map_while(move |no| {
            let (record, others) = split(rest)?;
            rest = others;
            Some((no, record))
        })
    }

    /// Returns the end of the chain after these records; `before` is the end before them.
    pub(super) fn end_after(&self, before: ChainEnd) -> ChainEnd {
        self.records().fold(before, |end, (_, record)| end.extend(record))
    }

    /// Chains the block to `before`, completes its header, and returns the new end of the chain.
    pub(crate) fn finish(&mut self, before: ChainEnd) -> ChainEnd {
        let end = self.end_after(before);
        self.finish_with(end.hash);
        end
    }

    /// Completes the header with a known chain hash.
    pub(super) fn finish_with(&mut self, hash: ChainHash) {
        let chunks = self.bytes.len().div_ceil(CHUNK) as u32;
        self.bytes[..4].copy_from_slice(&chunks.to_be_bytes());
        self.bytes[4..HEADER_BYTES].copy_from_slice(&hash.0);
    }

    /// Returns the chain hash in the header.
    pub(super) fn chain_hash(&self) -> ChainHash {
        let mut hash = ChainHash::GENESIS;
        hash.0.copy_from_slice(&self.bytes[4..HEADER_BYTES]);
        hash
    }

    /// Returns the chunks of a finished block with their keys.
    pub(super) fn values(&self) -> impl Iterator<Item = (ChunkKey, &[u8])> {
        let first = self.first;
        (0..)
            .zip(self.bytes.chunks(CHUNK))
            .map(move |(chunk, value)| (chunk_key(first, chunk), value))
    }

    /// Reads the number of chunks of a block from its first stored value; `None` if the value is
    /// too short.
    pub(super) fn chunks(value: &[u8]) -> Option<u32> {
        value.first_chunk().map(|count| u32::from_be_bytes(*count))
    }

    /// Decodes a block from the bytes of all its chunks; `first` is the number of its first record.
    /// `None` if the block is incomplete.
    pub(super) fn decode(first: u64, bytes: Vec<u8>) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEADER_BYTES)?;
        let Some((&MULTI_RECORD, mut rest)) = body.split_first() else {
            // Formats up to 4: one record, without a length.
            let mut single = Self::after(first - 1);
            single.push(|to| to.extend_from_slice(body));
            single.finish_with(ChainHash::from_bytes(&head[4..])?);
            return Some(single);
        };
        let mut count = 0;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
            count += 1;
        }
        (count > 0).then_some(Self { first, count, bytes })
    }
}

/// Splits the first record from the others; `None` if the first record is incomplete.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    use super::*;

    fn stored(block: &Block) -> Vec<u8> {
        block.values().flat_map(|(_, value)| value.to_vec()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn stored_blocks_are_read_back(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 1..12),
            no in 0..u64::from(u32::MAX),
        ) {
            let mut block = Block::after(no);
            records.iter().for_each(|it| block.push(|to| to.extend_from_slice(it)));
            let before = ChainEnd { no, hash: ChainHash::GENESIS };
            let end = block.finish(before);
            prop_assert_eq!((end.no, end.hash), (block.last(), block.chain_hash()));
            prop_assert!(block.values().all(|(_, value)| value.len() <= CHUNK));
            let read = Block::decode(no + 1, stored(&block)).unwrap();
            prop_assert_eq!(&read, &block);
            let numbered = (no + 1..).zip(records.iter().map(Vec::as_slice));
            prop_assert!(read.records().eq(numbered));
            let chunks = Block::chunks(&stored(&block)).unwrap() as usize;
            prop_assert_eq!(chunks, block.values().count());
            // A truncated block cannot be decoded, or decodes to fewer records, which changes the
            // chain hash.
            for cut in (0..stored(&block).len()).step_by(61) {
                let short = Block::decode(no + 1, stored(&block)[..cut].to_vec());
                let is_other = short.is_none_or(|it| it.end_after(before) != end);
                prop_assert!(is_other, "a block truncated to {cut} bytes was accepted");
            }
        }
    }

    #[test]
    fn a_single_record_of_an_older_format_is_read() {
        let record = br#"{"at":1}"#;
        let chain_hash = ChainHash::GENESIS.extend(7, record);
        let bytes = [&1_u32.to_be_bytes()[..], &chain_hash.0, record].concat();
        let block = Block::decode(7, bytes).unwrap();
        assert!(block.records().eq([(7, &record[..])]));
        assert_eq!(
            block.end_after(ChainEnd { no: 6, hash: ChainHash::GENESIS }),
            ChainEnd { no: 7, hash: chain_hash }
        );
        assert_eq!(block.chain_hash(), chain_hash);
    }
}
