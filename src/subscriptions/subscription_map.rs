//! The subscriptions of one connection, by number.

use smallvec::SmallVec;

use super::subscription::Subscription;

/// Subscriptions in the order of their numbers. Usually a connection has one, which is stored
/// inline.
#[derive(Debug, Default)]
pub(super) struct SubscriptionMap(SmallVec<[Subscription; 1]>);

impl SubscriptionMap {
    /// Adds a subscription. Numbers are assigned in ascending order, so the new subscription is
    /// usually the last one.
    pub(super) fn insert(&mut self, subscription: Subscription) {
        let at = self.0.partition_point(|other| other.id < subscription.id);
        self.0.insert(at, subscription);
    }

    /// Returns the subscription with this number; `None` if it was cancelled.
    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Subscription> {
        let at = self.0.binary_search_by_key(&id, |subscription| subscription.id).ok()?;
        self.0.get_mut(at)
    }

    /// Returns the subscription with this SOURCE_REF.
    pub(super) fn named(&self, source_ref: &str) -> Option<&Subscription> {
        self.0.iter().find(|subscription| subscription.is_named(source_ref))
    }

    /// Returns the oldest subscription.
    pub(super) fn first_mut(&mut self) -> Option<&mut Subscription> {
        self.0.first_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.0.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes the subscriptions that `is_cancelled` selects, and returns them.
    pub(super) fn remove_where(
        &mut self,
        is_cancelled: impl Fn(&Subscription) -> bool,
    ) -> Vec<Subscription> {
        let (removed, kept) = std::mem::take(&mut self.0).into_iter().partition(is_cancelled);
        self.0 = kept;
        Vec::from_iter::<SmallVec<[Subscription; 1]>>(removed)
    }

    /// Removes and returns the subscription with this number.
    pub(super) fn remove(&mut self, id: u64) -> Option<Subscription> {
        let at = self.0.binary_search_by_key(&id, |subscription| subscription.id).ok()?;
        Some(self.0.remove(at))
    }
}
