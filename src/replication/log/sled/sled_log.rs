//! The log in sled: one committer thread groups entries, writes, flushes, syncs, then acknowledges.
//!
//! sled's own `flush` is no sync on Linux: a second handle syncs the data.

use std::fs::File;
use std::iter::once;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::committer::{Committer, Job};
use super::entry_codec::{self, VerifiedLog};
use super::write_status::WriteStatus;
use crate::realm::Millis;
use crate::replication::log::command_log::{
    AppendAcks, AppendError, AppendFuture, CommandLog, Entry, LogError, LogEvent, TrimFuture,
};
use crate::storage::{Block, ChainHash, HighWaterMark, Ledger, RowStore, Seq, StoreError};
/// Jobs that wait for the committer.
const JOBS_MAX: usize = 1_024;
/// Commits that wait for the follower.
const EVENTS_MAX: usize = 16;

/// The embedded log.
pub struct SledLog {
    ledger: Arc<Ledger>,
    first: Seq,
    last: Seq,
    sender: Mutex<Option<mpsc::Sender<Job>>>,
    follower: Mutex<Option<Receiver<LogEvent>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    write_status: Arc<WriteStatus>,
}

impl SledLog {
    /// Opens the log of a store and checks it: chain, order, high-water mark.
    pub fn open(store: &RowStore) -> Result<Self, StoreError> {
        let (db, dir, is_new) = (store.database(), store.directory(), store.is_new());
        let tree = db.open_tree("log")?;
        let ledger = Arc::new(Ledger::new(tree, "entry"));
        let mut high_water_mark = HighWaterMark::open(dir).map_err(StoreError::Io)?;
        let VerifiedLog { first, chain_end: end } =
            entry_codec::verify(&ledger, &high_water_mark, is_new)?;
        if is_new {
            // A mark of nothing: from now on a missing mark is a loss.
            high_water_mark
                .write(0, ChainHash::GENESIS)
                .and_then(|()| high_water_mark.sync())
                .map_err(StoreError::Io)?;
        }
        let data = File::open(dir.join("sled").join("db")).map_err(StoreError::Io)?;
        let (sender, receiver) = mpsc::channel(JOBS_MAX);
        let (events, follower) = sync_channel(EVENTS_MAX);
        let write_status = Arc::new(WriteStatus::new(store.space().clone()));
        let committer = Committer {
            db: db.clone(),
            ledger: ledger.clone(),
            data,
            high_water_mark,
            chain_end: end,
            events,
            write_status: write_status.clone(),
            is_broken: false,
        };
        let thread = std::thread::Builder::new().name("committer".to_owned());
        let thread = thread.spawn(move || committer.run(receiver)).map_err(StoreError::Io)?;
        Ok(Self {
            ledger,
            first,
            last: end.no,
            sender: Mutex::new(Some(sender)),
            follower: Mutex::new(Some(follower)),
            committer: Mutex::new(Some(thread)),
            write_status,
        })
    }

    /// The first entry that is kept (1 when none was trimmed).
    pub fn first(&self) -> Seq {
        self.first
    }

    /// Stored entries up to `upto`, the newest first.
    pub fn entries_newest_first(
        &self,
        upto: Seq,
    ) -> impl Iterator<Item = Result<Entry, StoreError>> + '_ {
        let mut before = upto.min(self.last) + 1;
        let blocks = std::iter::from_fn(move || {
            let block = self.ledger.block_before(before).transpose()?;
            before = block.as_ref().map_or(0, Block::first);
            Some(block)
        });
        blocks.flat_map(move |block| match block {
            Ok(block) => {
                let entries: Vec<_> = entry_codec::entries(&block).collect();
                entries.into_iter().rev().filter(|(seq, _)| *seq <= upto).map(|it| it.1).collect()
            }
            Err(error) => vec![Err(error)],
        })
    }

    /// The last entry when the log was opened.
    pub fn last(&self) -> Seq {
        self.last
    }
}

impl CommandLog for SledLog {
    fn append(&self, entry: Arc<Entry>) -> AppendFuture<'_> {
        let sender = self.sender.lock().clone();
        Box::pin(async move {
            let closed = || AppendError::NotStored("the log is closed".to_owned());
            let (reply, replied) = oneshot::channel();
            let sender = sender.ok_or_else(closed)?;
            sender.send(Job::Append(entry, reply)).await.map_err(|_| closed())?;
            drop(sender);
            replied
                .await
                .unwrap_or_else(|_| Err(AppendError::Unknown("the committer ended".to_owned())))
        })
    }

    fn follow(&self, after: Seq) -> Result<Box<dyn Iterator<Item = LogEvent> + Send>, LogError> {
        let live = self.follower.lock().take().ok_or(LogError::AlreadyFollowed)?;
        if after + 1 < self.first {
            return Ok(Box::new(once(LogEvent::Gap(self.first))));
        }
        let stored = match self.ledger.blocks_from(after + 1, self.last) {
            Ok(blocks) => blocks,
            Err(error) => return Ok(Box::new(once(LogEvent::Unreadable(error.to_string())))),
        };
        Ok(Box::new(stored.filter_map(move |block| log_event(block, after)).chain(live)))
    }

    fn trim(&self, upto: Seq, before: Millis) -> TrimFuture<'_> {
        let sender = self.sender.lock().clone();
        Box::pin(async move {
            let closed = || "the log is closed".to_owned();
            let (reply, replied) = oneshot::channel();
            let job = Job::Trim { upto, before, reply };
            sender.ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
            replied.await.map_err(|_| closed())?
        })
    }

    fn close(&self) {
        *self.sender.lock() = None;
        if let Some(thread) = self.committer.lock().take() {
            // It ends when no sender is left; a panic in it has been logged.
            let _ = thread.join();
        }
    }

    fn stop_accepting(&self, why: &str) {
        self.write_status.stop_accepting(why);
    }

    fn write_error(&self) -> Option<String> {
        self.write_status.error()
    }
}

/// What a follower gets of a stored block: the entries after `after`, if it has any.
fn log_event(block: Result<Block, StoreError>, after: Seq) -> Option<LogEvent> {
    let newer = block.and_then(|block| {
        let newer = entry_codec::entries(&block).filter(|(seq, _)| *seq > after);
        let newer = newer.map(|(_, entry)| entry.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        Ok((block.first().max(after + 1), newer))
    });
    match newer {
        Ok((_, none)) if none.is_empty() => None,
        Ok((first, entries)) => Some(LogEvent::Entries(first, entries, AppendAcks::default())),
        Err(error) => Some(LogEvent::Unreadable(error.to_string())),
    }
}
