//! A block: records that came together, as few stored values.

use crate::storage::hash_chain::{ChainEnd, ChainHash};
/// Bytes of one stored value. The database never syncs one of more than about 4 KiB, and its pages
/// have 8 to 16 values each, some of which stay in memory however small its cache is: with 3,500
/// bytes it is a little faster and keeps half a KiB more for each login.
const CHUNK: usize = 1_000;
/// What a block begins with: the number of its chunks, and the link over all up to its end.
const HEADER_BYTES: usize = 4 + 32;
/// The first byte behind the head. Formats up to 4 stored each record by itself, as it is, and none
/// of them begins with this one.
const MULTI_RECORD: u8 = 2;
/// Bytes of a record's length, before the record.
const LENGTH_BYTES: usize = 4;

/// A key: the number of the block's first record, the number of the chunk.
pub(super) type ChunkKey = [u8; 12];

/// The key of a chunk.
pub(super) fn chunk_key(first: u64, chunk: u32) -> ChunkKey {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&first.to_be_bytes());
    key[8..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// Records with their numbers, in the form in which they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    first: u64,
    count: u64,
    bytes: Vec<u8>,
}

impl Block {
    /// No record yet; the first will have the number after this one.
    pub(crate) fn after(no: u64) -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.push(MULTI_RECORD);
        Self { first: no + 1, count: 0, bytes }
    }

    /// Takes what `write` appends as the next record.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.bytes.len();
        self.bytes.extend([0; LENGTH_BYTES]);
        write(&mut self.bytes);
        let length = (self.bytes.len() - at - LENGTH_BYTES) as u32;
        self.bytes[at..at + LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        self.count += 1;
    }

    /// The number of the first record.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the last record.
    pub(crate) fn last(&self) -> u64 {
        self.first + self.count - 1
    }

    /// How many records.
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    /// How many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The records with their numbers.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest = &self.bytes[HEADER_BYTES + 1..];
        (self.first..self.first + self.count).map_while(move |no| {
            let (record, others) = split(rest)?;
            rest = others;
            Some((no, record))
        })
    }

    /// Where the chain is after these records when it was here before them.
    pub(super) fn end_after(&self, before: ChainEnd) -> ChainEnd {
        self.records().fold(before, |end, (_, record)| end.extend(record))
    }

    /// Ends the block: what comes after it is chained to the end that this gives.
    pub(crate) fn finish(&mut self, before: ChainEnd) -> ChainEnd {
        let end = self.end_after(before);
        self.finish_with(end.hash);
        end
    }

    /// The same where the link is known.
    pub(super) fn finish_with(&mut self, hash: ChainHash) {
        let chunks = self.bytes.len().div_ceil(CHUNK) as u32;
        self.bytes[..4].copy_from_slice(&chunks.to_be_bytes());
        self.bytes[4..HEADER_BYTES].copy_from_slice(&hash.0);
    }

    /// The link that it was sealed with.
    pub(super) fn chain_hash(&self) -> ChainHash {
        let mut hash = ChainHash::GENESIS;
        hash.0.copy_from_slice(&self.bytes[4..HEADER_BYTES]);
        hash
    }

    /// What is stored of a sealed block.
    pub(super) fn values(&self) -> impl Iterator<Item = (ChunkKey, &[u8])> {
        let first = self.first;
        (0..)
            .zip(self.bytes.chunks(CHUNK))
            .map(move |(chunk, value)| (chunk_key(first, chunk), value))
    }

    /// How many chunks a block has that begins with this value.
    pub(super) fn chunks(value: &[u8]) -> Option<u32> {
        value.first_chunk().map(|count| u32::from_be_bytes(*count))
    }

    /// Reads what was stored under a number, all chunks of it; none: it is not whole.
    pub(super) fn decode(first: u64, bytes: Vec<u8>) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEADER_BYTES)?;
        let Some((&MULTI_RECORD, mut rest)) = body.split_first() else {
            let mut alone = Self::after(first - 1);
            alone.push(|to| to.extend_from_slice(body));
            alone.finish_with(ChainHash::from_bytes(&head[4..])?);
            return Some(alone);
        };
        let mut count = 0;
        while !rest.is_empty() {
            (_, rest) = split(rest)?;
            count += 1;
        }
        (count > 0).then_some(Self { first, count, bytes })
    }
}

/// The first record of several, and the others.
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
        fn what_is_stored_is_read_again(
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
            // What is cut off is noticed, or is the whole of fewer records: the chain notices that.
            for cut in (0..stored(&block).len()).step_by(61) {
                let short = Block::decode(no + 1, stored(&block)[..cut].to_vec());
                let is_other = short.is_none_or(|it| it.end_after(before) != end);
                prop_assert!(is_other, "{cut}");
            }
        }
    }

    #[test]
    fn a_record_by_itself_is_read_as_older_formats_stored_it() {
        let record = br#"{"at":1}"#;
        let link = ChainHash::GENESIS.extend(7, record);
        let bytes = [&1_u32.to_be_bytes()[..], &link.0, record].concat();
        let block = Block::decode(7, bytes).unwrap();
        assert!(block.records().eq([(7, &record[..])]));
        assert_eq!(
            block.end_after(ChainEnd { no: 6, hash: ChainHash::GENESIS }),
            ChainEnd { no: 7, hash: link }
        );
        assert_eq!(block.chain_hash(), link);
    }
}
