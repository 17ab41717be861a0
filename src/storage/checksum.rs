//! The row checksum: a running sum of the hashes of all rows.
//!
//! The checksum is stored with the rows. When the rows are loaded, a difference reveals a missing
//! or altered row.

use sha2::{Digest, Sha256};

use super::hash_chain::{ChainEnd, ChainHash, Seq};

/// The key under which the [`RowsChecksum`] is stored; keys of rows begin with a letter.
pub(super) const CHECKSUM_KEY: &[u8] = &[0];

/// The number of rows and the sum of their hashes, the sequence number of the last entry that is
/// applied to the rows, and the end of the audit trail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowsChecksum {
    pub(super) applied: Seq,
    pub(super) rows: u64,
    pub(super) checksum: u128,
    pub(super) audit_end: ChainEnd,
}

impl RowsChecksum {
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.checksum = self.checksum.wrapping_add(hash_row(key, value));
    }

    pub(super) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.checksum = self.checksum.wrapping_sub(hash_row(key, value));
    }

    /// Adds the checksum of other rows.
    pub(super) fn merge(&mut self, other: Self) {
        self.rows = self.rows.wrapping_add(other.rows);
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }

    pub(super) fn write(self) -> Vec<u8> {
        let (applied, rows) = (self.applied.to_be_bytes(), self.rows.to_be_bytes());
        let (checksum, no) = (self.checksum.to_be_bytes(), self.audit_end.no.to_be_bytes());
        let body = [&applied[..], &rows, &checksum, &no, &self.audit_end.hash.0].concat();
        let check = hash_row(CHECKSUM_KEY, &body).to_be_bytes();
        [&body[..], &check].concat()
    }

    /// Reads what [`RowsChecksum::write`] returned; `None` if it is damaged. In stores of format 1,
    /// which have no audit trail, `audit_end` is absent.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_at_checked(bytes.len().checked_sub(16)?)?;
        if check != hash_row(CHECKSUM_KEY, body).to_be_bytes() {
            return None;
        }
        let number = |at: usize| body.get(at..at + 8)?.try_into().map(u64::from_be_bytes).ok();
        let checksum = body.get(16..32)?.try_into().map(u128::from_be_bytes).ok()?;
        let audit_end = match body.get(40..) {
            Some(hash) => ChainEnd { no: number(32)?, hash: ChainHash::from_bytes(hash)? },
            None => ChainEnd::default(),
        };
        Some(Self { applied: number(0)?, rows: number(8)?, checksum, audit_end })
    }
}

/// Returns what one row adds to the checksum: the first 128 bits of its SHA-256.
fn hash_row(key: &[u8], value: &[u8]) -> u128 {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    let hash: [u8; 32] = hash.finalize().into();
    let mut first = [0; 16];
    first.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(first)
}
