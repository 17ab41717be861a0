//! The command log in sled, written by one committer thread.
//!
//! The committer collects entries into a block, writes and syncs it, and passes the entries to the
//! follower, which acknowledges them. sled's `flush` does not sync on Linux, so the committer syncs
//! the database file through a second handle.

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

/// Maximum number of jobs that wait for the committer. At this number, an append waits.
const JOBS_MAX: usize = 1_024;
/// Maximum number of commits that wait for the follower. At this number, the committer waits.
const EVENTS_MAX: usize = 16;

/// The command log in the embedded database.
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
    /// Opens the log of a store, checks its chain and the high-water mark, and starts the
    /// committer.
    pub fn open(store: &RowStore) -> Result<Self, StoreError> {
        let (db, dir, is_new) = (store.database(), store.directory(), store.is_new());
        let tree = db.open_tree("log")?;
        let ledger = Arc::new(Ledger::new(tree, "entry"));
        let mut high_water_mark = HighWaterMark::open(dir).map_err(StoreError::Io)?;
        let VerifiedLog { first, chain_end: end } =
            entry_codec::verify(&ledger, &high_water_mark, is_new)?;
        if is_new {
            // Writes a mark that names no entry. From now on, a missing mark means lost data.
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

    /// Returns the number of the first entry that was stored when the log was opened; 1 if no entry
    /// was ever trimmed.
    pub fn first(&self) -> Seq {
        self.first
    }

    /// Returns the entries up to `upto`, newest first, without entries that were appended after the
    /// log was opened.
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

    /// Returns the number of the last entry that was stored when the log was opened.
    pub fn last(&self) -> Seq {
        self.last
    }
}

impl CommandLog for SledLog {
    fn append(&self, entry: Arc<Entry>) -> AppendFuture<'_> {
        let sender = self.sender.lock().clone();
        Box::pin(async move {
            let closed = || AppendError::NotStored("the command log is closed".to_owned());
            let (reply, replied) = oneshot::channel();
            let sender = sender.ok_or_else(closed)?;
            sender.send(Job::Append(entry, reply)).await.map_err(|_| closed())?;
            drop(sender);
            replied.await.unwrap_or_else(|_| {
                Err(AppendError::Unknown("the committer thread ended".to_owned()))
            })
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
            let closed = || "the command log is closed".to_owned();
            let (reply, replied) = oneshot::channel();
            let job = Job::Trim { upto, before, reply };
            sender.ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
            replied.await.map_err(|_| closed())?
        })
    }

    fn close(&self) {
        *self.sender.lock() = None;
        if let Some(thread) = self.committer.lock().take() {
            // The thread ends when all senders are dropped, including the senders of pending
            // appends. A panic in the thread has been logged.
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

/// Returns a stored block as an event, with its entries after `after`; `None` if the block has no
/// such entry.
fn log_event(block: Result<Block, StoreError>, after: Seq) -> Option<LogEvent> {
    let newer = block.and_then(|block| {
        let newer = entry_codec::entries(&block).filter(|(seq, _)| *seq > after);
        let newer = newer.map(|(_, entry)| entry.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        Ok((block.first().max(after + 1), newer))
    });
    match newer {
        Ok((_, entries)) if entries.is_empty() => None,
        Ok((first, entries)) => Some(LogEvent::Entries(first, entries, AppendAcks::default())),
        Err(error) => Some(LogEvent::Unreadable(error.to_string())),
    }
}
