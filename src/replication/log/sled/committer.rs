//! The committer: the only thread that writes the command log.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::entry_codec;
use super::write_status::WriteStatus;
use crate::realm::Millis;
use crate::replication::log::command_log::{AppendAcks, AppendError, Entry, LogEvent};
use crate::storage::{Block, ChainEnd, HighWaterMark, Ledger, Seq};

/// Maximum number of entries of one commit.
const BATCH_ENTRIES_MAX: usize = 512;
/// The size limit of one commit, in bytes. The last entry of the commit may exceed it.
const BATCH_BYTES: usize = 1 << 20;
/// The wait for more entries if a batch is smaller than the previous batch. Callers often submit
/// again right after their acknowledgement, so this wait saves a commit.
const BATCH_WAIT: Duration = Duration::from_micros(150);

type PendingAppend = (Arc<Entry>, oneshot::Sender<Result<Seq, AppendError>>);

/// A job for the committer.
pub(super) enum Job {
    /// Make this entry durable and acknowledge it.
    Append(Arc<Entry>, oneshot::Sender<Result<Seq, AppendError>>),
    /// Remove the entries up to `upto` that were submitted before `before`.
    Trim { upto: Seq, before: Millis, reply: oneshot::Sender<Result<Seq, String>> },
}

/// The state of the committer thread.
pub(super) struct Committer {
    pub(super) db: sled::Db,
    pub(super) ledger: Arc<Ledger>,
    /// A second handle of the database file, to sync it.
    pub(super) data: File,
    pub(super) high_water_mark: HighWaterMark,
    /// The end of the chain after the last committed entry.
    pub(super) chain_end: ChainEnd,
    pub(super) events: SyncSender<LogEvent>,
    pub(super) write_status: Arc<WriteStatus>,
    /// Whether a failed commit could not be undone. If so, no entry is stored until a restart.
    pub(super) is_broken: bool,
}

impl Committer {
    /// Runs jobs until all senders are dropped.
    pub(super) fn run(mut self, mut receiver: mpsc::Receiver<Job>) {
        let mut last_batch_size = 0;
        while let Some(first) = receiver.blocking_recv() {
            let (mut batch, mut trim) = (Vec::new(), None);
            let (mut next, mut may_wait) = (Some(first), true);
            while let Some(job) = next {
                match job {
                    Job::Append(entry, reply) => batch.push((entry, reply)),
                    Job::Trim { upto, before, reply } => trim = Some((upto, before, reply)),
                }
                let full = batch.len() == BATCH_ENTRIES_MAX || trim.is_some();
                next = (!full).then(|| receiver.try_recv().ok()).flatten();
                if next.is_none() && !full && may_wait && batch.len() < last_batch_size {
                    std::thread::sleep(BATCH_WAIT);
                    (next, may_wait) = (receiver.try_recv().ok(), false);
                }
            }
            last_batch_size = batch.len();
            while !batch.is_empty() {
                batch = self.commit(batch);
            }
            if let Some((upto, before, reply)) = trim {
                // A send error means that the caller has stopped waiting; the entries stay trimmed.
                let _ = reply.send(catch_panic(|| self.trim(upto, before)));
            }
        }
    }

    /// Commits as many entries of a batch as fit into one block, and returns the remaining ones.
    ///
    /// This function replies only to callers whose append failed. The other callers get their reply
    /// when the follower has applied their entries.
    fn commit(&mut self, mut batch: Vec<PendingAppend>) -> Vec<PendingAppend> {
        let mut block = Block::after(self.chain_end.no);
        for (entry, _) in &batch {
            if block.size() > BATCH_BYTES {
                break;
            }
            entry_codec::encode(entry, &mut block);
        }
        let rest = batch.split_off(block.count());
        if self.is_broken {
            let why = self
                .write_status
                .error()
                .unwrap_or_else(|| "commands could not be stored".to_owned());
            reply_all(batch, || AppendError::NotStored(why.clone()));
            return rest;
        }
        if let Some(why) = self.write_status.check() {
            reply_all(batch, || AppendError::NotStored(why.clone()));
            return rest;
        }
        self.write_status.begin();
        match self.write(&mut block) {
            Ok(end) => {
                self.write_status.end(None);
                let (entries, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                let acks = AppendAcks::new((block.first()..).zip(replies));
                // A send error means that the follower has ended, which happens only when the
                // process ends.
                let _ = self.events.send(LogEvent::Entries(block.first(), entries, acks));
                self.chain_end = end;
            }
            Err(why) => self.undo_commit(batch, &block, why),
        }
        rest
    }

    /// Writes and syncs a block, then moves the high-water mark.
    ///
    /// The order matters. The mark is written after the sync, so it never names an entry that is
    /// not on the disk. It is written before the acknowledgement, so after a crash of the process
    /// it names the last acknowledged entry or a later one.
    fn write(&mut self, block: &mut Block) -> Result<ChainEnd, String> {
        let end = block.finish(self.chain_end);
        catch_panic(|| {
            self.ledger.append(block).map_err(to_string)?;
            self.sync()
        })?;
        self.high_water_mark.write(end.no, end.hash).map_err(to_string)?;
        Ok(end)
    }

    /// Syncs all that was written to the database. sled's `flush` alone does not sync on Linux.
    fn sync(&self) -> Result<(), String> {
        self.db.flush().map_err(to_string)?;
        self.data.sync_data().map_err(to_string)
    }

    /// Removes old entries up to `upto`, which the rows reflect. Returns the last entry that is no
    /// longer in the log.
    fn trim(&self, upto: Seq, before: Millis) -> Result<Seq, String> {
        // Before entries are removed, the rows that could be rebuilt from them must be durable.
        self.sync()?;
        // The high-water mark must be durable, too. Otherwise an older mark could reappear after a
        // power cut and name an entry before the beginning of the chain.
        self.high_water_mark.sync().map_err(to_string)?;
        let is_old = |seq, bytes: &[u8]| Ok(seq <= upto && entry_codec::decode(bytes)?.at < before);
        self.ledger.trim(is_old).map(|last| last.no).map_err(to_string)
    }

    /// Removes a failed commit, durably, before its callers get the error: none of its entries may
    /// appear after a restart. If the removal fails, too, the outcome is unknown, and no entry is
    /// stored until a restart.
    fn undo_commit(&mut self, batch: Vec<PendingAppend>, block: &Block, why: String) {
        let removed = catch_panic(|| {
            self.ledger.remove_block(block).map_err(to_string)?;
            self.sync()
        });
        self.is_broken = removed.is_err();
        let commands = batch.len();
        if self.is_broken {
            let text = "commands could not be stored; changes are refused until a restart";
            tracing::error!(why, commands, "{text}");
        } else {
            tracing::error!(why, commands, "commands could not be stored and were refused");
        }
        self.write_status.end(Some(why.clone()));
        reply_all(batch, || {
            if self.is_broken {
                AppendError::Unknown(why.clone())
            } else {
                AppendError::NotStored(why.clone())
            }
        });
    }
}

fn reply_all(batch: Vec<PendingAppend>, error: impl Fn() -> AppendError) {
    for (_, reply) in batch {
        // A send error means that the caller has stopped waiting.
        let _ = reply.send(Err(error()));
    }
}

/// Turns a panic into an error. sled panics on some disk errors. Such a panic must not end the
/// committer; only the current job fails.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err("the database panicked".to_owned()))
}

fn to_string(error: impl std::fmt::Display) -> String {
    error.to_string()
}
