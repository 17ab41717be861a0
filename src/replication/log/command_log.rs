//! The log of commands: the only source of order. What it has acknowledged is never lost.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::realm::{Command, EntryId, Millis, Origin};
use crate::storage::Seq;
/// One command, dated and named by whoever made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name: a repeat is recognised by it.
    pub id: EntryId,
    /// When it was made, epoch ms.
    pub at: Millis,
    /// What is to be done.
    pub command: Command,
    /// Where it came from; none: the gateway itself, or the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
}

/// Why an entry was not appended, by what the caller may do about it.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It has no effect and never will.
    #[error("not stored: {0}")]
    NotStored(String),
    /// It may or may not have been stored.
    #[error("it is not known whether it was stored: {0}")]
    Unknown(String),
}

/// Why a log cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It has its follower already.
    #[error("the log is followed already")]
    AlreadyFollowed,
}

/// What a follower gets.
#[derive(Debug)]
pub enum LogEvent {
    /// The next entries, the first with this number: never none, a bounded number, and durable.
    /// Whoever appended them is told so when the last is dropped, which is when they are applied:
    /// who waits for both wakes once.
    Entries(Seq, Vec<Arc<Entry>>, AppendAcks),
    /// Entries before this one are gone: load a snapshot, then follow on.
    Gap(Seq),
    /// The next entry cannot be read: this is the end.
    Unreadable(String),
}

/// What appends wait for, where they wait.
#[derive(Debug, Default)]
pub struct AppendAcks(Vec<(Seq, oneshot::Sender<Result<Seq, AppendError>>)>);

impl AppendAcks {
    /// These appends came to these entries.
    pub(crate) fn new(
        appends: impl IntoIterator<Item = (Seq, oneshot::Sender<Result<Seq, AppendError>>)>,
    ) -> Self {
        Self(appends.into_iter().collect())
    }
}

impl Drop for AppendAcks {
    fn drop(&mut self) {
        for (seq, append) in self.0.drain(..) {
            // Whoever is gone needs no answer.
            let _ = append.send(Ok(seq));
        }
    }
}

/// An append on its way.
pub type AppendFuture<'a> = Pin<Box<dyn Future<Output = Result<Seq, AppendError>> + Send + 'a>>;

/// A trim on its way: the last entry that is gone, or why nothing was trimmed.
pub type TrimFuture<'a> = Pin<Box<dyn Future<Output = Result<Seq, String>> + Send + 'a>>;

/// A log: embedded, in memory, or replicated; nothing above it knows which.
pub trait CommandLog: Send + Sync {
    /// Hands an entry over; durable when it resolves, and the follower has it.
    fn append(&self, entry: Arc<Entry>) -> AppendFuture<'_>;

    /// All entries after `after`, then the new ones as they become durable. Blocks; for the one
    /// thread that applies them. Ends when the log is closed.
    fn follow(&self, after: Seq) -> Result<Box<dyn Iterator<Item = LogEvent> + Send>, LogError>;

    /// Forgets the oldest entries that were made before `before`, a bounded number of them and none
    /// after `upto`: what the rows of every follower reflect.
    fn trim(&self, upto: Seq, before: Millis) -> TrimFuture<'_>;

    /// Takes no more entries, makes durable what was taken, ends the follower. Blocking.
    fn close(&self);

    /// Takes no more entries until a restart: what was taken cannot be reflected on the disk.
    fn stop_accepting(&self, why: &str);

    /// Why appends are refused at the moment, if they are.
    fn write_error(&self) -> Option<String>;
}
