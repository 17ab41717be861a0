//! The log in sled: one committer thread groups entries, writes, flushes, syncs, then acknowledges.
//!
//! sled's own `flush` is no sync on Linux, and values above 4 KiB go to files that it never syncs:
//! so a second handle syncs the data, and longer entries are cut into chunks.

mod committer;
mod stored;
mod trouble;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::chain::Link;
use super::mark::Mark;
use super::{AppendError, Appended, Entry, Followed, Log, LogError, Seq, Stored, Trimmed};
use crate::realm::Millis;
use crate::store::StoreError;
use crate::store::space::Space;
use committer::{Committer, Job};
use stored::Verified;
use trouble::Trouble;

/// Jobs that wait for the committer.
const WAITING_MAX: usize = 1_024;
/// Commits that wait for the follower.
const FOLLOWING_MAX: usize = 16;
/// Stored entries that a follower gets at once.
const STORED_MAX: Seq = 128;

/// The embedded log.
pub struct SledLog {
    tree: sled::Tree,
    first: Seq,
    last: Seq,
    sender: Mutex<Option<mpsc::Sender<Job>>>,
    follower: Mutex<Option<Receiver<Followed>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    trouble: Arc<Trouble>,
}

impl SledLog {
    /// Opens the log of a store in `dir` and checks it: chain, order, high-water mark.
    pub fn open(db: &sled::Db, dir: &Path, space: Space, is_new: bool) -> Result<Self, StoreError> {
        let tree = db.open_tree("log").map_err(StoreError::sled)?;
        let mut mark = Mark::open(dir).map_err(StoreError::Io)?;
        let Verified { first, last, link } = stored::verify(&tree, &mark, is_new)?;
        if is_new {
            // A mark of nothing: from now on a missing mark is a loss.
            mark.write(0, Link::GENESIS).and_then(|()| mark.sync()).map_err(StoreError::Io)?;
        }
        let data = File::open(dir.join("sled").join("db")).map_err(StoreError::Io)?;
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (follow, follower) = sync_channel(FOLLOWING_MAX);
        let trouble = Arc::new(Trouble::new(space));
        let committer = Committer {
            db: db.clone(),
            tree: tree.clone(),
            data,
            mark,
            last,
            link,
            follow,
            trouble: trouble.clone(),
            is_broken: false,
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

    /// Stored entries up to `upto`, the newest first.
    pub fn back_from(&self, upto: Seq) -> impl Iterator<Item = Result<Entry, String>> + '_ {
        (self.first..=upto.min(self.last)).rev().map(|seq| entry(&self.tree, seq))
    }

    /// The last entry when the log was opened.
    pub fn last(&self) -> Seq {
        self.last
    }
}

impl Log for SledLog {
    fn append(&self, entry: Arc<Entry>) -> Appended<'_> {
        let sender = self.sender.lock().clone();
        Box::pin(async move {
            let closed = || AppendError::NotStored("the log is closed".to_owned());
            let (answer, answered) = oneshot::channel();
            let sender = sender.ok_or_else(closed)?;
            sender.send(Job::Append(entry, answer)).await.map_err(|_| closed())?;
            drop(sender);
            answered
                .await
                .unwrap_or_else(|_| Err(AppendError::Unknown("the committer ended".to_owned())))
        })
    }

    fn follow(&self, after: Seq) -> Result<Box<dyn Iterator<Item = Followed> + Send>, LogError> {
        let live = self.follower.lock().take().ok_or(LogError::Followed)?;
        if after + 1 < self.first {
            return Ok(Box::new(std::iter::once(Followed::Gap(self.first))));
        }
        let (tree, last) = (self.tree.clone(), self.last);
        let firsts = (after + 1..=last).step_by(STORED_MAX as usize);
        let entries = move |first: Seq| {
            let upto = last.min(first + STORED_MAX - 1);
            let entries = (first..=upto).map(|seq| entry(&tree, seq).map(Arc::new));
            let entries = entries.collect::<Result<_, _>>();
            entries.map_or_else(Followed::Unreadable, |it| {
                Followed::Entries(first, it, Stored::default())
            })
        };
        Ok(Box::new(firsts.map(entries).chain(live)))
    }

    fn trim(&self, upto: Seq, before: Millis) -> Trimmed<'_> {
        let sender = self.sender.lock().clone();
        Box::pin(async move {
            let closed = || "the log is closed".to_owned();
            let (answer, answered) = oneshot::channel();
            let job = Job::Trim { upto, before, answer };
            sender.ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
            answered.await.map_err(|_| closed())?
        })
    }

    fn close(&self) {
        *self.sender.lock() = None;
        if let Some(thread) = self.committer.lock().take() {
            // It ends when nobody holds a sender any more; a panic in it has been told.
            let _ = thread.join();
        }
    }

    fn halt(&self, why: &str) {
        self.trouble.halt(why);
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.told()
    }
}

fn entry(tree: &sled::Tree, seq: Seq) -> Result<Entry, String> {
    let (bytes, _) = stored::read(tree, seq)?.ok_or_else(|| format!("entry {seq} is gone"))?;
    stored::decode(&bytes)
}
