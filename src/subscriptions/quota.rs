//! How many subscriptions a session has, over all its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
/// The places that are taken.
#[derive(Debug, Clone, Default)]
pub struct Quota(Arc<AtomicUsize>);

/// One place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Taken(Quota);

impl Quota {
    /// Takes a place, unless `most` are taken.
    pub(super) fn take(&self, most: usize) -> Option<Taken> {
        let more = |taken| (taken < most).then_some(taken + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Taken(self.clone()))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
