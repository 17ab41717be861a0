//! The committer: the one thread that writes the log.

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
/// Entries and bytes of one commit; its last entry may go over.
const BATCH_ENTRIES_MAX: usize = 512;
const BATCH_BYTES: usize = 1 << 20;
/// Whoever was just answered is on his way with the next command: where a group is smaller
/// than the one before, this much patience saves a commit.
const BATCH_WAIT: Duration = Duration::from_micros(150);

type PendingAppend = (Arc<Entry>, oneshot::Sender<Result<Seq, AppendError>>);

/// What the committer is asked for.
pub(super) enum Job {
    /// Make this entry durable.
    Append(Arc<Entry>, oneshot::Sender<Result<Seq, AppendError>>),
    /// Forget entries up to `upto` that are older than `before`.
    Trim { upto: Seq, before: Millis, reply: oneshot::Sender<Result<Seq, String>> },
}

/// The thread that writes.
pub(super) struct Committer {
    pub(super) db: sled::Db,
    pub(super) ledger: Arc<Ledger>,
    pub(super) data: File,
    pub(super) high_water_mark: HighWaterMark,
    pub(super) chain_end: ChainEnd,
    pub(super) events: SyncSender<LogEvent>,
    pub(super) write_status: Arc<WriteStatus>,
    /// A failed commit could not be taken out again.
    pub(super) is_broken: bool,
}

impl Committer {
    /// Works until nobody can ask for more.
    pub(super) fn run(mut self, mut receiver: mpsc::Receiver<Job>) {
        let mut last_batch_size = 0;
        while let Some(first) = receiver.blocking_recv() {
            let (mut batch, mut trim) = (Vec::new(), None);
            let (mut next, mut waits) = (Some(first), true);
            while let Some(job) = next {
                match job {
                    Job::Append(entry, reply) => batch.push((entry, reply)),
                    Job::Trim { upto, before, reply: answer } => {
                        trim = Some((upto, before, answer))
                    }
                }
                let full = batch.len() == BATCH_ENTRIES_MAX || trim.is_some();
                next = (!full).then(|| receiver.try_recv().ok()).flatten();
                if next.is_none() && !full && waits && batch.len() < last_batch_size {
                    std::thread::sleep(BATCH_WAIT);
                    (next, waits) = (receiver.try_recv().ok(), false);
                }
            }
            last_batch_size = batch.len();
            while !batch.is_empty() {
                batch = self.commit(batch);
            }
            if let Some((upto, before, reply)) = trim {
                // Whoever asked may be gone: what was trimmed stays trimmed.
                let _ = reply.send(catch_panic(|| self.trim(upto, before)));
            }
        }
    }

    /// Commits as much of a group as fits and gives back the rest.
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
            let why = self.write_status.error().unwrap_or_else(|| "a commit failed".to_owned());
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
                let (entries, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                let stored = AppendAcks::new((block.first()..).zip(answers));
                // The follower is gone only when the process ends.
                let _ = self.events.send(LogEvent::Entries(block.first(), entries, stored));
                self.chain_end = end;
            }
            Err(why) => self.undo_commit(batch, &block, why),
        }
        rest
    }

    fn write(&mut self, block: &mut Block) -> Result<ChainEnd, String> {
        let end = block.finish(self.chain_end);
        catch_panic(|| {
            self.ledger.append(block).map_err(to_string)?;
            self.sync()
        })?;
        self.high_water_mark.write(end.no, end.hash).map_err(to_string)?;
        Ok(end)
    }

    fn sync(&self) -> Result<(), String> {
        self.db.flush().map_err(to_string)?;
        self.data.sync_data().map_err(to_string)
    }

    /// Forgets old entries up to `upto`, which the rows reflect, and gives the last that is gone.
    fn trim(&self, upto: Seq, before: Millis) -> Result<Seq, String> {
        // The rows must be on the disk before the entries that could make them again are not.
        self.sync()?;
        // And the mark, which would otherwise lie before the chain's beginning after a power cut.
        self.high_water_mark.sync().map_err(to_string)?;
        let is_old = |seq, bytes: &[u8]| Ok(seq <= upto && entry_codec::decode(bytes)?.at < before);
        self.ledger.trim(is_old).map(|last| last.no).map_err(to_string)
    }

    /// Nothing of a failed commit may come to life later: it is taken out again, durably. Where
    /// that fails, too, its outcome is unknown, and until a restart nothing more is written.
    fn undo_commit(&mut self, batch: Vec<PendingAppend>, block: &Block, why: String) {
        let removed = catch_panic(|| {
            self.ledger.remove_block(block).map_err(to_string)?;
            self.sync()
        });
        self.is_broken = removed.is_err();
        let entries = batch.len();
        tracing::error!(why, entries, until_restart = self.is_broken, "a commit failed");
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
        // Whoever is gone needs no answer.
        let _ = reply.send(Err(error()));
    }
}

/// sled panics on some faults of the disk: that is an error of this step, not the thread's end.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err("the store failed".to_owned()))
}

fn to_string(error: impl std::fmt::Display) -> String {
    error.to_string()
}
