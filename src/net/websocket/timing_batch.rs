//! Messages of one kind that were answered in one turn: their time is taken and counted together.

use crate::messages::{HANDLERS, Handler};
use crate::platform::{Stopwatch, stopwatch};
/// Messages that are not counted yet.
pub(super) struct TimingBatch {
    row: &'static Handler,
    count: u32,
    watch: Stopwatch,
}

impl TimingBatch {
    /// None.
    pub(super) fn new() -> Self {
        Self { row: &HANDLERS[0], count: 0, watch: stopwatch() }
    }

    /// A turn begins.
    pub(super) fn begin(&mut self, watch: Stopwatch) {
        self.watch = watch;
    }

    /// A message of this kind was answered.
    pub(super) fn add(&mut self, row: &'static Handler) {
        if !std::ptr::eq(row, self.row) {
            self.count();
            *self = Self { row, ..Self::new() };
        }
        self.count += 1;
    }

    /// Counts them.
    pub(super) fn count(&mut self) {
        if self.count > 0 {
            self.row.timings.add(self.count, self.watch.elapsed_secs());
            self.count = 0;
        }
    }
}
