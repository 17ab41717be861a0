//! The high-water mark: the last acknowledged entry, kept outside the database.
//!
//! The mark reveals whether the database has lost its newest entries. The mark is written after the
//! entry is synced, so it is never ahead of the disk. The mark is written before the entry is
//! acknowledged, so after a crash of the process it is never behind an acknowledgement. The mark
//! itself is not synced with each commit: after a power cut it may name an earlier entry.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::hash_chain::{ChainHash, Seq};

/// The bytes of a slot: number, chain hash, and the first 8 bytes of a SHA-256 over both.
const SLOT: usize = 8 + 32 + 8;
/// The distance between the two slots. They are in different sectors, so a torn write damages only
/// one.
const SLOT_SPACING: u64 = 4096;

/// The high-water mark of a store: a file with two slots, which are written alternately.
#[derive(Debug)]
pub struct HighWaterMark {
    file: File,
    /// The slot that is written next.
    slot: u64,
}

impl HighWaterMark {
    /// Opens the mark in a folder, or creates its file.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(Self { file: options.open(dir.join("high-water"))?, slot: 0 })
    }

    /// Returns the newer of the two slots; `None` if neither can be read.
    pub fn read(&self) -> Option<(Seq, ChainHash)> {
        (0..2).filter_map(|slot| self.read_slot(slot)).max_by_key(|(seq, _)| *seq)
    }

    fn read_slot(&self, slot: u64) -> Option<(Seq, ChainHash)> {
        let mut bytes = [0; SLOT];
        self.file.read_exact_at(&mut bytes, slot * SLOT_SPACING).ok()?;
        decode(&bytes)
    }

    /// Makes the mark durable. Call this when the store is created and before entries are trimmed,
    /// but not for each commit.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Moves the mark to an entry that is already synced.
    pub fn write(&mut self, seq: Seq, hash: ChainHash) -> io::Result<()> {
        self.file.write_all_at(&encode(seq, hash), self.slot * SLOT_SPACING)?;
        self.slot = 1 - self.slot;
        Ok(())
    }
}

/// Encodes a record number and a chain hash, with a checksum.
pub(crate) fn encode(seq: Seq, hash: ChainHash) -> Vec<u8> {
    let body = [&seq.to_be_bytes()[..], &hash.0].concat();
    [&body[..], &checksum(&body)].concat()
}

/// Reads what [`encode`] returned; `None` if it is damaged.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Seq, ChainHash)> {
    let (body, check) = bytes.split_at_checked(SLOT - 8)?;
    let (seq, hash) = body.split_at(8);
    let fits = checksum(body) == check;
    fits.then_some((Seq::from_be_bytes(seq.try_into().ok()?), ChainHash::from_bytes(hash)?))
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut check = [0; 8];
    check.copy_from_slice(&Sha256::digest(bytes)[..8]);
    check
}
