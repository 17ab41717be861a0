//! The hash chain: the hash of each record covers all records before it.
//!
//! A missing or altered record is therefore detected.

use sha2::{Digest, Sha256};

/// SHA-256 over the previous chain hash, the number and the bytes of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// The chain hash before the first record.
    pub const GENESIS: ChainHash = ChainHash([0; 32]);

    /// Returns the chain hash of the next record, which has the number `seq`.
    pub fn extend(self, seq: Seq, record: &[u8]) -> ChainHash {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.to_be_bytes());
        hash.update(record);
        ChainHash(hash.finalize().into())
    }

    /// Reads a stored chain hash; `None` if its length is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Option<ChainHash> {
        bytes.try_into().ok().map(ChainHash)
    }
}

/// The sequence number of an entry: 1, 2, 3, …
pub type Seq = u64;

/// The end of a chain: the number of its last record, and the chain hash up to this record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ChainEnd {
    pub(crate) no: u64,
    pub(crate) hash: ChainHash,
}

impl ChainEnd {
    /// Returns the end after one more record.
    pub(super) fn extend(self, record: &[u8]) -> Self {
        let no = self.no + 1;
        Self { no, hash: self.hash.extend(no, record) }
    }
}
