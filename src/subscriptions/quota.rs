//! How many subscriptions a session has, over all its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
/// The places that are taken.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionQuota(Arc<AtomicUsize>);

/// One place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct QuotaPermit(SubscriptionQuota);

impl SubscriptionQuota {
    /// Takes a place, unless `most` are taken.
    pub(super) fn acquire(&self, permits_max: usize) -> Option<QuotaPermit> {
        let more = |taken| (taken < permits_max).then_some(taken + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(QuotaPermit(self.clone()))
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
