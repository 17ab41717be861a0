//! The stored form of entries, and the check of the whole log.

use protocol::write_json;

use crate::replication::log::command_log::Entry;
use crate::storage::{Block, ChainEnd, ChainHash, HighWaterMark, Ledger, Seq, StoreError};

/// The version of the stored form of entries.
const VERSION: u8 = 1;

/// Appends an entry to a block.
pub(super) fn encode(entry: &Entry, block: &mut Block) {
    block.push(|to| {
        to.push(VERSION);
        write_json(to, entry);
    });
}

/// Decodes a stored entry.
pub(super) fn decode(bytes: &[u8]) -> Result<Entry, StoreError> {
    let read = match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some((version, _)) => Err(format!("an entry has unknown version {version}")),
        None => Err("an entry is empty".to_owned()),
    };
    read.map_err(StoreError::Damaged)
}

/// Returns the entries of a block with their sequence numbers.
pub(super) fn entries(block: &Block) -> impl Iterator<Item = (Seq, Result<Entry, StoreError>)> {
    block.records().map(|(seq, bytes)| (seq, decode(bytes)))
}

/// The result of a check of the whole log.
pub(super) struct VerifiedLog {
    /// The first stored entry; if no entry is stored, the number after the last entry.
    pub(super) first: Seq,
    /// The last entry, and the chain hash up to it.
    pub(super) chain_end: ChainEnd,
}

/// Checks the whole chain, and that the entry of the high-water mark is in the chain or is the last
/// trimmed entry.
///
/// After a power cut, the mark may name an earlier entry than the last one of the log. If the
/// marked entry is neither in the chain nor the last trimmed entry, acknowledged entries are
/// missing.
pub(super) fn verify(
    log: &Ledger,
    high_water_mark: &HighWaterMark,
    is_new: bool,
) -> Result<VerifiedLog, StoreError> {
    let marked = high_water_mark.read();
    if marked.is_none() && !is_new {
        let why = "the high-water mark cannot be read: entries may be missing";
        return Err(StoreError::Damaged(why.to_owned()));
    }
    let (no, hash) = marked.unwrap_or((0, ChainHash::GENESIS));
    let (mut at_mark, marked) = (false, ChainEnd { no, hash });
    let (anchor, chain_end) = log.verify(Seq::MAX, |_, end| {
        at_mark |= end == marked;
        Ok(())
    })?;
    if !at_mark && anchor != marked {
        let last = chain_end.no;
        let why =
            format!("acknowledged entry {no} is missing; the command log ends at entry {last}");
        return Err(StoreError::Damaged(why));
    }
    Ok(VerifiedLog { first: anchor.no + 1, chain_end })
}
