//! The number of subscriptions that a session has, over all its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The subscription permits of a session that are in use.
#[derive(Debug, Clone, Default)]
pub struct SubscriptionQuota(Arc<AtomicUsize>);

/// One permit, returned when it is dropped.
#[derive(Debug)]
pub(super) struct QuotaPermit(SubscriptionQuota);

impl SubscriptionQuota {
    /// Acquires a permit; `None` if `permits_max` permits are in use. Check and increment are one
    /// atomic step, because several connections of a session may subscribe at once.
    pub(super) fn acquire(&self, permits_max: usize) -> Option<QuotaPermit> {
        let more = |used| (used < permits_max).then_some(used + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(QuotaPermit(self.clone()))
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}
