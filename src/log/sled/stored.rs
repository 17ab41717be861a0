//! The stored form of the log: entries in chunks that sled keeps in its own file, each entry with
//! its link of the chain.

use super::super::chain::Link;
use super::super::mark::{self, Mark};
use super::super::{Entry, Seq};
use crate::store::StoreError;

/// The version of the stored form of entries.
const VERSION: u8 = 1;
/// Bytes of one stored value.
const CHUNK: usize = 3_500;

pub(super) fn encode(entry: &Entry) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    // Plain structs with text keys cannot fail to serialise.
    let _ = serde_json::to_writer(&mut bytes, entry);
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Entry, String> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some((version, _)) => Err(format!("an entry has the unknown version {version}")),
        None => Err("an entry is empty".to_owned()),
    }
}

pub(super) fn key(seq: Seq, chunk: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&seq.to_be_bytes());
    key[8..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// An entry as stored values; the first begins with the number of chunks and the link.
pub(super) fn chunks(seq: Seq, entry: &[u8], link: Link) -> Vec<([u8; 12], Vec<u8>)> {
    let parts: Vec<&[u8]> = entry.chunks(CHUNK).collect();
    let count = (parts.len() as u32).to_be_bytes();
    let value = |(at, part): (usize, &&[u8])| match at {
        0 => [&count[..], &link.0, part].concat(),
        _ => part.to_vec(),
    };
    (0..)
        .zip(parts.iter().enumerate().map(value))
        .map(|(at, value)| (key(seq, at), value))
        .collect()
}

/// The bytes and the link of an entry; none if there is no such entry.
pub(super) fn read(tree: &sled::Tree, seq: Seq) -> Result<Option<(Vec<u8>, Link)>, String> {
    assemble(seq, |key| tree.get(key).map_err(|error| error.to_string()))
}

/// The same from wherever `get` finds its values.
fn assemble(
    seq: Seq,
    mut get: impl FnMut([u8; 12]) -> Result<Option<sled::IVec>, String>,
) -> Result<Option<(Vec<u8>, Link)>, String> {
    let Some(first) = get(key(seq, 0))? else { return Ok(None) };
    let short = || format!("entry {seq} is cut off");
    let (count, rest) = first.split_at_checked(4).ok_or_else(short)?;
    let (link, part) = rest.split_at_checked(32).ok_or_else(short)?;
    let count = u32::from_be_bytes(count.try_into().map_err(|_| short())?);
    let link = Link::read(link).ok_or_else(short)?;
    let mut bytes = part.to_vec();
    for chunk in 1..count {
        bytes.extend_from_slice(&get(key(seq, chunk))?.ok_or_else(short)?);
    }
    Ok(Some((bytes, link)))
}

/// What a check of the whole log found.
pub(super) struct Verified {
    /// The first entry that is kept; one more than the last if none is.
    pub(super) first: Seq,
    /// The last entry, and the link over all.
    pub(super) last: Seq,
    pub(super) link: Link,
}

/// Where the chain begins when its first entries were trimmed: the last of them and its link, at a
/// key before all entries.
pub(super) const ANCHOR: [u8; 12] = [0; 12];

/// Walks the whole chain, from its anchor to its end, and compares it with the mark.
pub(super) fn verify(tree: &sled::Tree, mark: &Mark, is_new: bool) -> Result<Verified, StoreError> {
    let damaged = |why: String| StoreError::Damaged(why);
    let marked = mark.read();
    if marked.is_none() && !is_new {
        let why = "the high-water mark cannot be read: entries may be missing";
        return Err(damaged(why.to_owned()));
    }
    let marked = marked.unwrap_or((0, Link::GENESIS));
    let anchor = tree.get(ANCHOR).map_err(StoreError::sled)?;
    let anchor = match anchor {
        None => (0, Link::GENESIS),
        Some(bytes) => mark::decode(&bytes)
            .ok_or_else(|| damaged("the beginning of the log cannot be read".to_owned()))?,
    };
    let (mut seq, mut link) = anchor;
    let mut at_mark = anchor == marked;
    // One walk over all values: each has to be the next one of an entry.
    let mut values = tree.iter().filter(|it| it.as_ref().map_or(true, |(key, _)| **key != ANCHOR));
    let mut next = values.next().transpose().map_err(StoreError::sled)?;
    let mut get = |wanted: [u8; 12]| match next.take_if(|(key, _)| **key == wanted) {
        Some((_, value)) => {
            next = values.next().transpose().map_err(|error| error.to_string())?;
            Ok(Some(value))
        }
        None => Ok(None),
    };
    while let Some((bytes, stated)) = assemble(seq + 1, &mut get).map_err(damaged)? {
        seq += 1;
        link = link.next(seq, &bytes);
        if link != stated {
            return Err(damaged(format!("the chain breaks at entry {seq}")));
        }
        at_mark |= (seq, link) == marked;
    }
    if next.is_some() {
        return Err(damaged(format!("the log has values after entry {seq} that are of none")));
    }
    if !at_mark {
        let why = format!("the log ends at {seq}, but {} entries were acknowledged", marked.0);
        return Err(damaged(why));
    }
    Ok(Verified { first: anchor.0 + 1, last: seq, link })
}
