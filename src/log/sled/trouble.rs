//! Why nothing can be written at the moment: the last commit failed, or one does not end.

use parking_lot::Mutex;

use crate::outside::clock::{Stopwatch, stopwatch};

/// A commit that takes longer is told as trouble.
const COMMIT_MAX_SECS: f64 = 5.0;

/// What the committer is at, for whoever asks.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    failed: Option<String>,
    running: Option<Stopwatch>,
}

impl Trouble {
    /// A commit begins.
    pub(super) fn begin(&self) {
        self.inside.lock().running = Some(stopwatch());
    }

    /// It ended, or failed for this reason.
    pub(super) fn end(&self, failed: Option<String>) {
        *self.inside.lock() = Inside { failed, running: None };
    }

    /// The trouble in words, if there is any.
    pub(super) fn told(&self) -> Option<String> {
        let inside = self.inside.lock();
        let secs = inside.running.map_or(0.0, |watch| watch.elapsed_secs());
        let hangs = || format!("a commit has not ended for {secs:.0} s");
        inside.failed.clone().or_else(|| (secs > COMMIT_MAX_SECS).then(hangs))
    }
}
