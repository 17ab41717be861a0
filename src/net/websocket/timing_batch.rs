//! Messages of one kind that were answered in one turn: their time is taken and counted together.

use crate::messages::{HANDLERS, Handler};
use crate::platform::{Stopwatch, stopwatch};
/// Messages that are not counted yet.
pub(super) struct TimingBatch {
    handler: &'static Handler,
    count: u32,
    watch: Stopwatch,
}

impl TimingBatch {
    /// None.
    pub(super) fn new() -> Self {
        Self { handler: &HANDLERS[0], count: 0, watch: stopwatch() }
    }

    /// A turn begins.
    pub(super) fn begin(&mut self, watch: Stopwatch) {
        self.watch = watch;
    }

    /// A message of this kind was answered.
    pub(super) fn add(&mut self, handler: &'static Handler) {
        if !std::ptr::eq(handler, self.handler) {
            self.flush();
            *self = Self { handler, ..Self::new() };
        }
        self.count += 1;
    }

    /// Counts them.
    pub(super) fn flush(&mut self) {
        if self.count > 0 {
            self.handler.timings.record(self.count, self.watch.elapsed_secs());
            self.count = 0;
        }
    }
}
