//! The chain: every entry's hash covers all entries before it, so that nothing can go missing
//! unseen.

use sha2::{Digest, Sha256};

/// SHA-256 over the link before, the number and the bytes of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// Before the first entry.
    pub const GENESIS: Link = Link([0; 32]);

    /// The link of the entry after this one.
    pub fn next(self, seq: Seq, entry: &[u8]) -> Link {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.to_be_bytes());
        hash.update(entry);
        Link(hash.finalize().into())
    }

    /// Reads a stored link.
    pub fn read(bytes: &[u8]) -> Option<Link> {
        bytes.try_into().ok().map(Link)
    }
}

/// The place of an entry: 1, 2, 3, …
pub type Seq = u64;

/// The number of a record, and the link over all up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) no: u64,
    pub(crate) link: Link,
}

impl End {
    /// One record on.
    pub(super) fn next(self, record: &[u8]) -> Self {
        let no = self.no + 1;
        Self { no, link: self.link.next(no, record) }
    }
}
