//! The log in sled: one committer thread groups entries, writes, flushes, syncs, then acknowledges.
//!
//! sled's own `flush` is no sync on Linux, and values above 4 KiB go to files that it never syncs:
//! so a second handle syncs the data, and longer entries are cut into chunks.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::chain::Link;
use super::mark::Mark;
use super::{AppendError, Appended, Entry, Followed, Log, LogError, Seq};
use crate::store::StoreError;

/// The version of the stored form of entries.
const VERSION: u8 = 1;
/// Bytes of one stored value.
const CHUNK: usize = 3_500;
/// Entries that wait for the committer.
const WAITING_MAX: usize = 1_024;
/// Entries and bytes of one commit.
const GROUP_MAX: usize = 512;
const GROUP_BYTES: usize = 1 << 20;
/// Entries that wait for the follower.
const FOLLOWING_MAX: usize = 4_096;

type Waiting = (Entry, oneshot::Sender<Result<Seq, AppendError>>);

/// The embedded log.
pub struct SledLog {
    tree: sled::Tree,
    first: Seq,
    last: Seq,
    sender: Mutex<Option<mpsc::Sender<Waiting>>>,
    follower: Mutex<Option<Receiver<Followed>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl SledLog {
    /// Opens the log of a store in `dir` and checks it: chain, order, high-water mark.
    pub fn open(db: &sled::Db, dir: &Path, is_new: bool) -> Result<Self, StoreError> {
        let tree = db.open_tree("log").map_err(StoreError::sled)?;
        let mut mark = Mark::open(dir).map_err(StoreError::Io)?;
        let (first, last, link) = verify(&tree, &mark, is_new)?;
        if is_new {
            // A mark of nothing: from now on a missing mark is a loss.
            mark.write(0, Link::GENESIS).and_then(|()| mark.sync()).map_err(StoreError::Io)?;
        }
        let data = File::open(dir.join("sled").join("db")).map_err(StoreError::Io)?;
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (follow, follower) = sync_channel(FOLLOWING_MAX);
        let trouble = Arc::new(Mutex::new(None));
        let committer = Committer {
            db: db.clone(),
            tree: tree.clone(),
            data,
            mark,
            last,
            link,
            follow,
            trouble: trouble.clone(),
        };
        let thread = std::thread::Builder::new().name("committer".to_owned());
        let thread = thread.spawn(move || committer.run(receiver)).map_err(StoreError::Io)?;
        Ok(Self {
            tree,
            first,
            last,
            sender: Mutex::new(Some(sender)),
            follower: Mutex::new(Some(follower)),
            committer: Mutex::new(Some(thread)),
            trouble,
        })
    }

    /// The first entry that is kept (1 when none was trimmed).
    pub fn first(&self) -> Seq {
        self.first
    }

    /// The last entry when the log was opened.
    pub fn last(&self) -> Seq {
        self.last
    }
}

impl Log for SledLog {
    fn append(&self, entry: Entry) -> Appended<'_> {
        let sender = self.sender.lock().clone();
        Box::pin(async move {
            let closed = || AppendError::NotStored("the log is closed".to_owned());
            let (answer, answered) = oneshot::channel();
            let sender = sender.ok_or_else(closed)?;
            sender.send((entry, answer)).await.map_err(|_| closed())?;
            drop(sender);
            answered
                .await
                .unwrap_or_else(|_| Err(AppendError::Unknown("the committer ended".to_owned())))
        })
    }

    fn follow(&self, after: Seq) -> Result<Box<dyn Iterator<Item = Followed> + Send>, LogError> {
        let live = self.follower.lock().take().ok_or(LogError::Followed)?;
        let stored = after + 1..=self.last;
        if after + 1 < self.first {
            return Ok(Box::new(std::iter::once(Followed::Gap(self.first))));
        }
        let mut entries = Vec::new();
        for seq in stored {
            let stored = read(&self.tree, seq).map_err(LogError::Unreadable)?;
            let (bytes, _) =
                stored.ok_or_else(|| LogError::Unreadable(format!("entry {seq} is gone")))?;
            let entry = decode(&bytes).map_err(LogError::Unreadable)?;
            entries.push(Followed::Entry(seq, Box::new(entry)));
        }
        Ok(Box::new(entries.into_iter().chain(live)))
    }

    fn close(&self) {
        *self.sender.lock() = None;
        if let Some(thread) = self.committer.lock().take() {
            // It ends when nobody holds a sender any more; a panic in it has been told.
            let _ = thread.join();
        }
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }
}

/// The thread that writes.
struct Committer {
    db: sled::Db,
    tree: sled::Tree,
    data: File,
    mark: Mark,
    last: Seq,
    link: Link,
    follow: SyncSender<Followed>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Committer {
    fn run(mut self, mut receiver: mpsc::Receiver<Waiting>) {
        while let Some(first) = receiver.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP_MAX {
                match receiver.try_recv() {
                    Ok(next) => group.push(next),
                    Err(_) => break,
                }
            }
            while !group.is_empty() {
                group = self.commit(group);
            }
        }
    }

    /// Commits as much of a group as fits and gives back the rest.
    fn commit(&mut self, mut group: Vec<Waiting>) -> Vec<Waiting> {
        let (mut batch, mut keys) = (sled::Batch::default(), Vec::new());
        let (mut seq, mut link, mut bytes, mut count) = (self.last, self.link, 0, 0);
        for (entry, _) in &group {
            let encoded = encode(entry);
            if count > 0 && bytes + encoded.len() > GROUP_BYTES {
                break;
            }
            seq += 1;
            link = link.next(seq, &encoded);
            for (key, value) in chunks(seq, &encoded, link) {
                keys.push(key);
                batch.insert(&key[..], value);
            }
            bytes += encoded.len();
            count += 1;
        }
        let rest = group.split_off(count);
        match self.write(batch, seq, link) {
            Ok(()) => {
                *self.trouble.lock() = None;
                for (at, (entry, answer)) in (self.last + 1..).zip(group) {
                    // The follower is gone only when the process ends.
                    let _ = self.follow.send(Followed::Entry(at, Box::new(entry)));
                    let _ = answer.send(Ok(at));
                }
                (self.last, self.link) = (seq, link);
            }
            Err(why) => self.refuse(group, &keys, why),
        }
        rest
    }

    fn write(&mut self, batch: sled::Batch, seq: Seq, link: Link) -> Result<(), String> {
        let (tree, db, data) = (&self.tree, &self.db, &self.data);
        let write = || -> Result<(), String> {
            tree.apply_batch(batch).map_err(|error| error.to_string())?;
            db.flush().map_err(|error| error.to_string())?;
            data.sync_data().map_err(|error| error.to_string())
        };
        let written = std::panic::catch_unwind(AssertUnwindSafe(write));
        written.unwrap_or_else(|_| Err("the store failed".to_owned()))?;
        self.mark.write(seq, link).map_err(|error| error.to_string())
    }

    /// Nothing of a failed commit may come to life later: it is taken out again, and as long as
    /// that fails the outcome is unknown.
    fn refuse(&self, group: Vec<Waiting>, keys: &[[u8; 12]], why: String) {
        let undo = || keys.iter().try_for_each(|key| self.tree.remove(&key[..]).map(drop));
        let undone =
            std::panic::catch_unwind(AssertUnwindSafe(undo)).is_ok_and(|undone| undone.is_ok());
        tracing::error!(why, entries = group.len(), undone, "a commit failed");
        *self.trouble.lock() = Some(why.clone());
        for (_, answer) in group {
            let error = match undone {
                true => AppendError::NotStored(why.clone()),
                false => AppendError::Unknown(why.clone()),
            };
            let _ = answer.send(Err(error));
        }
    }
}

fn encode(entry: &Entry) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    // Plain structs with text keys cannot fail to serialise.
    let _ = serde_json::to_writer(&mut bytes, entry);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Entry, String> {
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some((version, _)) => Err(format!("an entry has the unknown version {version}")),
        None => Err("an entry is empty".to_owned()),
    }
}

fn key(seq: Seq, chunk: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&seq.to_be_bytes());
    key[8..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// An entry as stored values; the first begins with the number of chunks and the link.
fn chunks(seq: Seq, entry: &[u8], link: Link) -> Vec<([u8; 12], Vec<u8>)> {
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
fn read(tree: &sled::Tree, seq: Seq) -> Result<Option<(Vec<u8>, Link)>, String> {
    let get = |chunk| tree.get(key(seq, chunk)).map_err(|error| error.to_string());
    let Some(first) = get(0)? else { return Ok(None) };
    let short = || format!("entry {seq} is cut off");
    let (count, rest) = first.split_at_checked(4).ok_or_else(short)?;
    let (link, part) = rest.split_at_checked(32).ok_or_else(short)?;
    let count = u32::from_be_bytes(count.try_into().map_err(|_| short())?);
    let link = Link::read(link).ok_or_else(short)?;
    let mut bytes = part.to_vec();
    for chunk in 1..count {
        bytes.extend_from_slice(&get(chunk)?.ok_or_else(short)?);
    }
    Ok(Some((bytes, link)))
}

/// Walks the whole chain: first and last entry and the last link.
fn verify(tree: &sled::Tree, mark: &Mark, is_new: bool) -> Result<(Seq, Seq, Link), StoreError> {
    let damaged = |why: String| StoreError::Damaged(why);
    let marked = mark.read();
    if marked.is_none() && !is_new {
        let why = "the high-water mark cannot be read: entries may be missing";
        return Err(damaged(why.to_owned()));
    }
    let (marked_seq, marked_link) = marked.unwrap_or((0, Link::GENESIS));
    let (mut seq, mut link, mut at_mark) = (0, Link::GENESIS, (0, Link::GENESIS));
    let (mut stored, mut expected) = (0_usize, 0_usize);
    while let Some((bytes, stated)) = read(tree, seq + 1).map_err(damaged)? {
        seq += 1;
        link = link.next(seq, &bytes);
        if link != stated {
            return Err(damaged(format!("the chain breaks at entry {seq}")));
        }
        expected += bytes.len().div_ceil(CHUNK).max(1);
        if seq == marked_seq {
            at_mark = (seq, link);
        }
    }
    for item in tree.iter() {
        item.map_err(StoreError::sled)?;
        stored += 1;
    }
    if stored != expected {
        return Err(damaged(format!("the log has {stored} values where {expected} belong")));
    }
    if seq < marked_seq || at_mark != (marked_seq, marked_link) {
        let why = format!("the log ends at {seq}, but {marked_seq} entries were acknowledged");
        return Err(damaged(why));
    }
    Ok((1, seq, link))
}
