//! The command log: an ordered, durable list of commands.
//!
//! The order of the log is the only order of changes. An acknowledged entry is never lost.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::realm::{Command, EntryId, Millis, Origin};
use crate::storage::Seq;

/// A command with the id and the time that the gateway assigned when it submitted the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The id by which a repeated entry is recognized.
    pub id: EntryId,
    /// When the entry was submitted, in epoch milliseconds.
    pub at: Millis,
    /// The command.
    pub command: Command,
    /// The user and client that sent the command; `None` if the gateway itself or the command line
    /// submitted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
}

/// Why an append failed, classified by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The entry is not stored and never takes effect.
    #[error("the entry was not stored: {0}")]
    NotStored(String),
    /// The entry may or may not be stored.
    #[error("unknown whether the entry was stored: {0}")]
    Unknown(String),
}

/// Why a log cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log already has a follower, or had a follower before.
    #[error("the command log already has a follower")]
    AlreadyFollowed,
}

/// What the follower of a log receives.
#[derive(Debug)]
pub enum LogEvent {
    /// The next entries, with the sequence number of the first one. All of them are durable. Their
    /// count is bounded and at least one.
    ///
    /// The follower drops the `AppendAcks` after it has applied the entries, which acknowledges the
    /// appends. A caller that waits for the acknowledgement and for the outcome is therefore woken
    /// once: at the acknowledgement, the outcome is known, too.
    Entries(Seq, Vec<Arc<Entry>>, AppendAcks),
    /// The entries before the one with this sequence number were trimmed, although the follower has
    /// not applied them. The follower must stop.
    Gap(Seq),
    /// The next entry cannot be read, for this reason. The follower must stop.
    Unreadable(String),
}

/// The callers whose appends wait for an acknowledgement. Dropping this value acknowledges the
/// appends.
#[derive(Debug, Default)]
pub struct AppendAcks(Vec<(Seq, oneshot::Sender<Result<Seq, AppendError>>)>);

impl AppendAcks {
    /// Collects waiting callers, each with the sequence number of its entry.
    pub(crate) fn new(
        appends: impl IntoIterator<Item = (Seq, oneshot::Sender<Result<Seq, AppendError>>)>,
    ) -> Self {
        Self(appends.into_iter().collect())
    }
}

impl Drop for AppendAcks {
    fn drop(&mut self) {
        for (seq, append) in self.0.drain(..) {
            // A send error means that the caller has stopped waiting.
            let _ = append.send(Ok(seq));
        }
    }
}

/// A pending append: resolves to the sequence number of the entry, or to the reason why the append
/// failed.
pub type AppendFuture<'a> = Pin<Box<dyn Future<Output = Result<Seq, AppendError>> + Send + 'a>>;

/// A pending trim: resolves to the last entry that is no longer in the log, or to the reason why
/// nothing was trimmed.
pub type TrimFuture<'a> = Pin<Box<dyn Future<Output = Result<Seq, String>> + Send + 'a>>;

/// The interface of a command log, in the embedded database or in memory.
pub trait CommandLog: Send + Sync {
    /// Appends an entry. When the future resolves to a number, the entry is durable and was handed
    /// to the follower. If the log uses `AppendAcks`, the follower has applied it, too.
    fn append(&self, entry: Arc<Entry>) -> AppendFuture<'_>;

    /// Returns all entries after `after`, then each new entry when it is durable. The iterator
    /// blocks, so it needs a thread of its own. It ends when the log is closed.
    fn follow(&self, after: Seq) -> Result<Box<dyn Iterator<Item = LogEvent> + Send>, LogError>;

    /// Removes a bounded number of the oldest entries, up to `upto`, that were submitted before
    /// `before`. `upto` is the last entry that the saved rows reflect.
    fn trim(&self, upto: Seq, before: Millis) -> TrimFuture<'_>;

    /// Refuses further entries, and blocks until the accepted ones are durable. The iterator of the
    /// follower ends after these entries.
    fn close(&self);

    /// Refuses further entries until a restart, because the rows of accepted entries cannot be
    /// saved.
    fn stop_accepting(&self, why: &str);

    /// Returns why entries cannot be written now; `None` if they can be.
    fn write_error(&self) -> Option<String>;
}
