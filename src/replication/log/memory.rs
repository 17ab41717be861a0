//! The command log in memory, for tests and trials. Its entries are lost when the process ends.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;

use super::command_log::{
    AppendAcks, AppendError, AppendFuture, CommandLog, Entry, LogError, LogEvent, TrimFuture,
};
use crate::realm::Millis;
use crate::storage::Seq;

/// A command log whose entries count as durable at once.
pub struct MemoryLog {
    state: Mutex<State>,
    follower: Mutex<Option<Receiver<LogEvent>>>,
}

struct State {
    last: Seq,
    sender: Option<SyncSender<LogEvent>>,
}

/// Maximum number of entries that wait for the follower. At this number, an append blocks.
const QUEUE_MAX: usize = 4096;

impl Default for MemoryLog {
    fn default() -> Self {
        let (sender, receiver) = sync_channel(QUEUE_MAX);
        Self {
            state: Mutex::new(State { last: 0, sender: Some(sender) }),
            follower: Mutex::new(Some(receiver)),
        }
    }
}

impl CommandLog for MemoryLog {
    fn append(&self, entry: Arc<Entry>) -> AppendFuture<'_> {
        let mut state = self.state.lock();
        let seq = state.last + 1;
        let closed = || AppendError::NotStored("the command log is closed".to_owned());
        let entry = LogEvent::Entries(seq, vec![entry], AppendAcks::default());
        let sent = state.sender.as_ref().is_some_and(|sender| sender.send(entry).is_ok());
        let stored = if sent { Ok(seq) } else { Err(closed()) };
        state.last += Seq::from(sent);
        Box::pin(std::future::ready(stored))
    }

    fn follow(&self, _: Seq) -> Result<Box<dyn Iterator<Item = LogEvent> + Send>, LogError> {
        let receiver = self.follower.lock().take().ok_or(LogError::AlreadyFollowed)?;
        Ok(Box::new(receiver.into_iter()))
    }

    fn trim(&self, _: Seq, _: Millis) -> TrimFuture<'_> {
        // Entries are not kept once the follower has received them, so nothing is trimmed.
        Box::pin(std::future::ready(Ok(0)))
    }

    fn close(&self) {
        self.state.lock().sender = None;
    }

    fn stop_accepting(&self, _: &str) {
        // A restart loses everything in memory, so the log can be closed at once.
        self.close();
    }

    fn write_error(&self) -> Option<String> {
        None
    }
}
