//! The committer: the one thread that writes the log.

use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::super::chain::Link;
use super::super::mark::{self, Mark};
use super::super::{AppendError, Entry, Followed, Seq, Stored};
use super::stored;
use super::trouble::Trouble;
use crate::realm::Millis;

/// Entries and bytes of one commit.
const GROUP_MAX: usize = 512;
const GROUP_BYTES: usize = 1 << 20;
/// Whoever was just answered is on his way with the next command: where a group is smaller
/// than the one before, this much patience saves a commit.
const GATHER: Duration = Duration::from_micros(150);
/// Entries that are trimmed in one step.
const TRIM_MAX: Seq = 512;

type Waiting = (Arc<Entry>, oneshot::Sender<Result<Seq, AppendError>>);

/// What the committer is asked for.
pub(super) enum Job {
    /// Make this entry durable.
    Append(Arc<Entry>, oneshot::Sender<Result<Seq, AppendError>>),
    /// Forget entries up to `upto` that are older than `before`.
    Trim { upto: Seq, before: Millis, answer: oneshot::Sender<Result<Seq, String>> },
}

/// The thread that writes.
pub(super) struct Committer {
    pub(super) db: sled::Db,
    pub(super) tree: sled::Tree,
    pub(super) data: File,
    pub(super) mark: Mark,
    pub(super) last: Seq,
    pub(super) link: Link,
    pub(super) follow: SyncSender<Followed>,
    pub(super) trouble: Arc<Trouble>,
    /// A failed commit could not be taken out again.
    pub(super) is_broken: bool,
}

impl Committer {
    /// Works until nobody can ask for more.
    pub(super) fn run(mut self, mut receiver: mpsc::Receiver<Job>) {
        let mut former = 0;
        while let Some(first) = receiver.blocking_recv() {
            let (mut group, mut trim) = (Vec::new(), None);
            let (mut next, mut waits) = (Some(first), true);
            while let Some(job) = next {
                match job {
                    Job::Append(entry, answer) => group.push((entry, answer)),
                    Job::Trim { upto, before, answer } => trim = Some((upto, before, answer)),
                }
                let full = group.len() == GROUP_MAX || trim.is_some();
                next = (!full).then(|| receiver.try_recv().ok()).flatten();
                if next.is_none() && !full && waits && group.len() < former {
                    std::thread::sleep(GATHER);
                    (next, waits) = (receiver.try_recv().ok(), false);
                }
            }
            former = group.len();
            while !group.is_empty() {
                group = self.commit(group);
            }
            if let Some((upto, before, answer)) = trim {
                // Whoever asked may be gone: what was trimmed stays trimmed.
                let _ = answer.send(guarded(|| self.trim(upto, before)));
            }
        }
    }

    /// Commits as much of a group as fits and gives back the rest.
    fn commit(&mut self, mut group: Vec<Waiting>) -> Vec<Waiting> {
        let (mut batch, mut keys) = (sled::Batch::default(), Vec::new());
        let (mut seq, mut link, mut bytes, mut count) = (self.last, self.link, 0, 0);
        for (entry, _) in &group {
            let encoded = stored::encode(entry);
            if count > 0 && bytes + encoded.len() > GROUP_BYTES {
                break;
            }
            seq += 1;
            link = link.next(seq, &encoded);
            for (key, value) in stored::chunks(seq, &encoded, link) {
                keys.push(key);
                batch.insert(&key[..], value);
            }
            bytes += encoded.len();
            count += 1;
        }
        let rest = group.split_off(count);
        if self.is_broken {
            let why = self.trouble.told().unwrap_or_default();
            answer(group, || AppendError::NotStored(why.clone()));
            return rest;
        }
        if let Some(why) = self.trouble.refusal() {
            answer(group, || AppendError::NotStored(why.clone()));
            return rest;
        }
        self.trouble.begin();
        let written = self.write(batch, seq, link);
        match written {
            Ok(()) => {
                self.trouble.end(None);
                let (entries, answers): (Vec<_>, Vec<_>) = group.into_iter().unzip();
                let stored = Stored::new((self.last + 1..).zip(answers));
                // The follower is gone only when the process ends.
                let _ = self.follow.send(Followed::Entries(self.last + 1, entries, stored));
                (self.last, self.link) = (seq, link);
            }
            Err(why) => self.refuse(group, &keys, why),
        }
        rest
    }

    fn write(&mut self, batch: sled::Batch, seq: Seq, link: Link) -> Result<(), String> {
        guarded(|| {
            self.tree.apply_batch(batch).map_err(words)?;
            self.sync()
        })?;
        self.mark.write(seq, link).map_err(words)
    }

    fn sync(&self) -> Result<(), String> {
        self.db.flush().map_err(words)?;
        self.data.sync_data().map_err(words)
    }

    /// Forgets old entries up to `upto`, which the rows reflect, and gives the last that is gone.
    fn trim(&self, upto: Seq, before: Millis) -> Result<Seq, String> {
        // The rows must be on the disk before the entries that could make them again are not.
        self.sync()?;
        // And the mark, which would otherwise lie before the chain's beginning after a power cut.
        self.mark.sync().map_err(words)?;
        let anchor = self.tree.get(stored::ANCHOR).map_err(words)?;
        let mut anchor = anchor.and_then(|bytes| mark::decode(&bytes)).unwrap_or_default();
        let mut batch = sled::Batch::default();
        for seq in anchor.0 + 1..=upto.min(anchor.0 + TRIM_MAX) {
            let Some((bytes, link)) = stored::read(&self.tree, seq)? else { break };
            if stored::decode(&bytes)?.at >= before {
                break;
            }
            for (key, _) in stored::chunks(seq, &bytes, link) {
                batch.remove(&key[..]);
            }
            anchor = (seq, link);
        }
        if anchor.0 > 0 {
            batch.insert(&stored::ANCHOR, mark::encode(anchor.0, anchor.1));
            self.tree.apply_batch(batch).map_err(words)?;
        }
        Ok(anchor.0)
    }

    /// Nothing of a failed commit may come to life later: it is taken out again, durably. Where
    /// that fails, too, its outcome is unknown, and until a restart nothing more is written.
    fn refuse(&mut self, group: Vec<Waiting>, keys: &[[u8; 12]], why: String) {
        let undone = guarded(|| {
            keys.iter().try_for_each(|key| self.tree.remove(&key[..]).map(drop)).map_err(words)?;
            self.sync()
        });
        self.is_broken = undone.is_err();
        let entries = group.len();
        tracing::error!(why, entries, until_restart = self.is_broken, "a commit failed");
        self.trouble.end(Some(why.clone()));
        answer(group, || match self.is_broken {
            false => AppendError::NotStored(why.clone()),
            true => AppendError::Unknown(why.clone()),
        });
    }
}

fn answer(group: Vec<Waiting>, error: impl Fn() -> AppendError) {
    for (_, answer) in group {
        // Whoever is gone needs no answer.
        let _ = answer.send(Err(error()));
    }
}

/// sled panics on some faults of the disk: that is an error of this step, not the thread's end.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err("the store failed".to_owned()))
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
