//! The chain: every entry's hash covers all entries before it, so that nothing can go missing
//! unseen.

use sha2::{Digest, Sha256};

/// SHA-256 over the link before, the number and the bytes of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// Before the first entry.
    pub const GENESIS: ChainHash = ChainHash([0; 32]);

    /// The link of the entry after this one.
    pub fn extend(self, seq: Seq, entry: &[u8]) -> ChainHash {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.to_be_bytes());
        hash.update(entry);
        ChainHash(hash.finalize().into())
    }

    /// Reads a stored link.
    pub fn from_bytes(bytes: &[u8]) -> Option<ChainHash> {
        bytes.try_into().ok().map(ChainHash)
    }
}

/// The place of an entry: 1, 2, 3, …
pub type Seq = u64;

/// The number of a record, and the link over all up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ChainEnd {
    pub(crate) no: u64,
    pub(crate) hash: ChainHash,
}

impl ChainEnd {
    /// One record on.
    pub(super) fn extend(self, record: &[u8]) -> Self {
        let no = self.no + 1;
        Self { no, hash: self.hash.extend(no, record) }
    }
}
