//! The high-water mark: which entry was acknowledged last, kept outside the store, so that a store
//! that lost its end is noticed. Written after the store's sync and before the acknowledgement: it
//! is never ahead of the disk and it survives the end of the process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::hash_chain::{ChainHash, Seq};
/// Number, link, the first bytes of a hash over both.
const SLOT: usize = 8 + 32 + 8;
/// Slots lie in different sectors: a torn write spoils one of them.
const SLOT_SPACING: u64 = 4096;

/// The mark of a store.
#[derive(Debug)]
pub struct HighWaterMark {
    file: File,
    slot: u64,
}

impl HighWaterMark {
    /// Opens or makes the mark of a folder.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        Ok(Self { file: options.open(dir.join("high-water"))?, slot: 0 })
    }

    /// The newest mark; none if the file holds none that can be read.
    pub fn read(&self) -> Option<(Seq, ChainHash)> {
        (0..2).filter_map(|slot| self.read_slot(slot)).max_by_key(|(seq, _)| *seq)
    }

    fn read_slot(&self, slot: u64) -> Option<(Seq, ChainHash)> {
        let mut bytes = [0; SLOT];
        self.file.read_exact_at(&mut bytes, slot * SLOT_SPACING).ok()?;
        decode(&bytes)
    }

    /// Makes a new mark durable: once, when the store is made.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Moves the mark to an entry that is on the disk.
    pub fn write(&mut self, seq: Seq, hash: ChainHash) -> io::Result<()> {
        self.file.write_all_at(&encode(seq, hash), self.slot * SLOT_SPACING)?;
        self.slot = 1 - self.slot;
        Ok(())
    }
}

/// An entry's number and link, with a check.
pub(crate) fn encode(seq: Seq, hash: ChainHash) -> Vec<u8> {
    let body = [&seq.to_be_bytes()[..], &hash.0].concat();
    [&body[..], &checksum(&body)].concat()
}

/// What [`encode`] made, if it is whole.
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
