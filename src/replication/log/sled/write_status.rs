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
    space: DiskSpace,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    failed: Option<String>,
    running: Option<Stopwatch>,
    /// The disk was full at the last look.
    full: bool,
    /// Nothing more is taken until a restart.
    halted: Option<String>,
}

impl WriteStatus {
    /// None yet.
    pub(super) fn new(space: DiskSpace) -> Self {
        Self { space, inside: Mutex::default() }
    }

    /// Nothing more is taken until a restart.
    pub(super) fn halt(&self, why: &str) {
        self.inside.lock().halted = Some(why.to_owned());
    }

    /// Why a commit is not to begin, if so. What is full is told once, and so is its end.
    pub(super) fn check(&self) -> Option<String> {
        if let Some(why) = &self.inside.lock().halted {
            return Some(why.clone());
        }
        let short = self.space.shortage();
        let was_full = std::mem::replace(&mut self.inside.lock().full, short.is_some());
        match &short {
            Some(why) if !was_full => tracing::error!(why, "changes are refused"),
            None if was_full => tracing::info!("there is space again: changes are taken"),
            _ => {}
        }
        short
    }

    /// A commit begins.
    pub(super) fn begin(&self) {
        self.inside.lock().running = Some(stopwatch());
    }

    /// It ended, or failed for this reason.
    pub(super) fn end(&self, failed: Option<String>) {
        let mut inside = self.inside.lock();
        (inside.failed, inside.running) = (failed, None);
    }

    /// The trouble in words, if there is any.
    pub(super) fn error(&self) -> Option<String> {
        let inside = self.inside.lock();
        let secs = inside.running.map_or(0.0, |watch| watch.elapsed_secs());
        let hangs = || format!("a commit has not ended for {secs:.0} s");
        let failed = inside.halted.as_ref().or(inside.failed.as_ref()).cloned();
        let told = failed.or_else(|| (secs > COMMIT_MAX_SECS).then(hangs));
        drop(inside);
        told.or_else(|| self.space.shortage())
    }
}
