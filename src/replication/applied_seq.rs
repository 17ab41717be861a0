//! The last applied entry, for threads that wait until an entry is applied.

use parking_lot::{Condvar, Mutex};

use crate::storage::Seq;

/// The sequence number of the last applied entry.
#[derive(Debug, Default)]
pub(super) struct AppliedSeq {
    seq: Mutex<Seq>,
    changed: Condvar,
}

impl AppliedSeq {
    /// Creates the value for a replica that has applied the entries up to `seq`.
    pub(super) fn new(seq: Seq) -> Self {
        Self { seq: Mutex::new(seq), changed: Condvar::new() }
    }

    /// Sets the last applied entry and wakes the threads that wait for this entry or an earlier
    /// one.
    pub(super) fn advance_to(&self, seq: Seq) {
        *self.seq.lock() = seq;
        self.changed.notify_all();
    }

    /// Blocks until the entries up to `seq` are applied.
    pub(super) fn wait_until(&self, seq: Seq) {
        self.changed.wait_while(&mut self.seq.lock(), |applied| *applied < seq);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_thread_waits_until_its_entry_is_applied() {
        let applied = Arc::new(AppliedSeq::new(3));
        applied.wait_until(3);
        let waiting = applied.clone();
        let thread = std::thread::spawn(move || {
            waiting.wait_until(5);
            *waiting.seq.lock()
        });
        applied.advance_to(4);
        assert!(!thread.is_finished());
        applied.advance_to(5);
        assert_eq!(thread.join().unwrap(), 5);
    }
}
