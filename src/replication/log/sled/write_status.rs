//! Why nothing can be written at the moment: the disk is full, the last commit failed, or one does
//! not end.

use parking_lot::Mutex;

use crate::platform::{Stopwatch, stopwatch};
use crate::storage::DiskSpace;

/// A commit that takes longer is told as trouble.
const COMMIT_MAX_SECS: f64 = 5.0;

/// What the committer is at, for whoever asks.
#[derive(Debug)]
pub(super) struct WriteStatus {
    disk_space: DiskSpace,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failed: Option<String>,
    running: Option<Stopwatch>,
    /// The disk was full at the last look.
    disk_full: bool,
    /// Nothing more is taken until a restart.
    halted: Option<String>,
}

impl WriteStatus {
    /// None yet.
    pub(super) fn new(disk_space: DiskSpace) -> Self {
        Self { disk_space, state: Mutex::default() }
    }

    /// Nothing more is taken until a restart.
    pub(super) fn stop_accepting(&self, why: &str) {
        self.state.lock().halted = Some(why.to_owned());
    }

    /// Why a commit is not to begin, if so. What is full is told once, and so is its end.
    pub(super) fn check(&self) -> Option<String> {
        if let Some(why) = &self.state.lock().halted {
            return Some(why.clone());
        }
        let shortage = self.disk_space.shortage();
        let was_full = std::mem::replace(&mut self.state.lock().disk_full, shortage.is_some());
        match &shortage {
            Some(why) if !was_full => tracing::error!(why, "changes are refused"),
            None if was_full => tracing::info!("there is space again: changes are taken"),
            _ => {}
        }
        shortage
    }

    /// A commit begins.
    pub(super) fn begin(&self) {
        self.state.lock().running = Some(stopwatch());
    }

    /// It ended, or failed for this reason.
    pub(super) fn end(&self, failed: Option<String>) {
        let mut state = self.state.lock();
        (state.failed, state.running) = (failed, None);
    }

    /// The trouble in words, if there is any.
    pub(super) fn error(&self) -> Option<String> {
        let state = self.state.lock();
        let secs = state.running.map_or(0.0, |watch| watch.elapsed_secs());
        let slow = || format!("a commit has not ended for {secs:.0} s");
        let failed = state.halted.as_ref().or(state.failed.as_ref()).cloned();
        let error = failed.or_else(|| (secs > COMMIT_MAX_SECS).then(slow));
        drop(state);
        error.or_else(|| self.disk_space.shortage())
    }
}
