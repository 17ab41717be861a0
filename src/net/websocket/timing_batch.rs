//! Timing batch: measures the messages that are answered as soon as their frame is read.

use crate::messages::{HANDLERS, Handler};
use crate::platform::{Stopwatch, stopwatch};

/// Answered messages of one handler that are not in the handler's histogram yet.
pub(super) struct TimingBatch {
    handler: &'static Handler,
    count: u32,
    watch: Stopwatch,
}

impl TimingBatch {
    /// Creates an empty batch.
    pub(super) fn new() -> Self {
        Self { handler: &HANDLERS[0], count: 0, watch: stopwatch() }
    }

    /// Starts the measurement at the beginning of a poll.
    pub(super) fn begin(&mut self, watch: Stopwatch) {
        self.watch = watch;
    }

    /// Adds an answered message. If the batch belongs to another handler, records the batch first
    /// and starts a new one.
    pub(super) fn add(&mut self, handler: &'static Handler) {
        if !std::ptr::eq(handler, self.handler) {
            self.flush();
            *self = Self { handler, ..Self::new() };
        }
        self.count += 1;
    }

    /// Records the batch in the histogram of its handler.
    pub(super) fn flush(&mut self) {
        if self.count > 0 {
            self.handler.timings.record(self.count, self.watch.elapsed_secs());
            self.count = 0;
        }
    }
}
