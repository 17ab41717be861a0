//! The write status of the log: whether changes can be written, and why not.

use parking_lot::Mutex;

use crate::platform::{Stopwatch, stopwatch};
use crate::storage::DiskSpace;

/// A commit that takes longer is reported as an error.
const COMMIT_MAX_SECS: f64 = 5.0;

/// The state of the committer, readable by all threads.
#[derive(Debug)]
pub(super) struct WriteStatus {
    disk_space: DiskSpace,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why the last commit failed; `None` if it succeeded.
    failed: Option<String>,
    /// Measures the commit that is running; `None` if no commit is running.
    running: Option<Stopwatch>,
    /// Whether the disk was full at the last check.
    disk_full: bool,
    /// Why changes are refused until a restart; `None` if `stop_accepting` was not called.
    halted: Option<String>,
}

impl WriteStatus {
    /// Creates the status before the first commit.
    pub(super) fn new(disk_space: DiskSpace) -> Self {
        Self { disk_space, state: Mutex::default() }
    }

    /// Refuses changes until a restart.
    pub(super) fn stop_accepting(&self, why: &str) {
        self.state.lock().halted = Some(why.to_owned());
    }

    /// Returns why no commit may begin; `None` if a commit may begin. Logs once that disk
    /// space is short, and once that it is sufficient again.
    pub(super) fn check(&self) -> Option<String> {
        if let Some(why) = &self.state.lock().halted {
            return Some(why.clone());
        }
        let shortage = self.disk_space.shortage();
        let was_full = std::mem::replace(&mut self.state.lock().disk_full, shortage.is_some());
        match &shortage {
            Some(why) if !was_full => tracing::error!(
                why,
                "free disk space fell below store.disk_reserve_mb; changes and logins are refused"
            ),
            None if was_full => tracing::info!(
                "free disk space is sufficient again; changes and logins are accepted"
            ),
            _ => {}
        }
        shortage
    }

    /// Records that a commit begins.
    pub(super) fn begin(&self) {
        self.state.lock().running = Some(stopwatch());
    }

    /// Records that the commit succeeded, or why it failed.
    pub(super) fn end(&self, failed: Option<String>) {
        let mut state = self.state.lock();
        (state.failed, state.running) = (failed, None);
    }

    /// Returns why changes cannot be written now; `None` if they can be. Unlike
    /// [`WriteStatus::check`], also reports that the last commit failed or that a commit takes too
    /// long.
    pub(super) fn error(&self) -> Option<String> {
        let state = self.state.lock();
        let secs = state.running.map_or(0.0, |watch| watch.elapsed_secs());
        let slow = || format!("a commit has been running for {secs:.0} s");
        let failed = state.halted.as_ref().or(state.failed.as_ref()).cloned();
        let error = failed.or_else(|| (secs > COMMIT_MAX_SECS).then(slow));
        drop(state);
        error.or_else(|| self.disk_space.shortage())
    }
}
