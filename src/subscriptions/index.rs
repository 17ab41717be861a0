//! The index of the subscriptions that a commit may affect.
//!
//! A subscription that is limited to the rows of certain users, or whose filter requires certain
//! values of a key column, is filed under these users or values. For a changed row, the publication
//! of a commit therefore visits only the subscriptions with a matching key or without any key, even
//! among ten thousand.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::data_source::DataSource;
use super::filter_key::FilterKey;
use super::outbox::Outbox;
use super::subscription::Subscription;
use crate::realm::UserNo;

/// A reference from the index to a subscription.
#[derive(Debug, Clone)]
pub(super) struct SubscriptionRef {
    pub(super) outbox: Arc<Outbox>,
    pub(super) id: u64,
    /// Whether the subscription is filed under a single key. Its rights check can then run during
    /// the delivery.
    pub(super) single_key: bool,
}

/// The subscriptions under one key, usually only one subscription.
type SubscriptionRefs = SmallVec<[SubscriptionRef; 1]>;

/// Subscriptions by source and key. For each source, the subscriptions without a key are one list.
#[derive(Debug, Default)]
pub(super) struct Index {
    keyed: BTreeMap<(DataSource, FilterKey), SubscriptionRefs>,
    unkeyed: BTreeMap<DataSource, SubscriptionRefs>,
    /// All subscriptions, by the user who subscribed.
    owners: BTreeMap<UserNo, SubscriptionRefs>,
}

impl Index {
    /// Adds a subscription under its keys. A subscription without keys is checked for every row of
    /// its source.
    pub(super) fn add(
        &mut self,
        source: DataSource,
        keys: &[FilterKey],
        owner: UserNo,
        subscription_ref: &SubscriptionRef,
    ) {
        let subscription_ref =
            SubscriptionRef { single_key: keys.len() == 1, ..subscription_ref.clone() };
        for key in keys {
            self.keyed.entry((source, key.clone())).or_default().push(subscription_ref.clone());
        }
        if keys.is_empty() {
            self.unkeyed.entry(source).or_default().push(subscription_ref.clone());
        }
        self.owners.entry(owner).or_default().push(subscription_ref.clone());
    }

    /// Removes a subscription from these keys and from its owner.
    pub(super) fn remove(
        &mut self,
        source: DataSource,
        keys: &[FilterKey],
        owner: UserNo,
        id: u64,
    ) {
        for key in keys {
            remove_ref(&mut self.keyed, &(source, key.clone()), id);
        }
        if keys.is_empty() {
            remove_ref(&mut self.unkeyed, &source, id);
        }
        remove_ref(&mut self.owners, &owner, id);
    }

    /// Removes a subscription that is no longer in its outbox.
    pub(super) fn remove_subscription(&mut self, subscription: &Subscription) {
        let request = &subscription.request;
        self.remove(request.source, &subscription.keys(), request.owner, subscription.id);
    }

    /// Whether a source has subscriptions.
    pub(super) fn is_subscribed(&self, source: DataSource) -> bool {
        let first = (source, FilterKey::User(UserNo::MIN));
        let keyed = self.keyed.range(first..).next();
        self.unkeyed.contains_key(&source) || keyed.is_some_and(|((it, _), _)| *it == source)
    }

    /// Returns the subscriptions that are checked for every row of a source.
    pub(super) fn unkeyed(&self, source: DataSource) -> &[SubscriptionRef] {
        self.unkeyed.get(&source).map_or(&[], |it| it.as_slice())
    }

    /// Returns the subscriptions under a key.
    pub(super) fn keyed(&self, source: DataSource, key: FilterKey) -> &[SubscriptionRef] {
        self.keyed.get(&(source, key)).map_or(&[], |it| it.as_slice())
    }

    /// Returns the users under which subscriptions to a source are filed, in ascending order, with
    /// these subscriptions.
    pub(super) fn users(
        &self,
        source: DataSource,
    ) -> impl Iterator<Item = (UserNo, &[SubscriptionRef])> {
        let all = (source, FilterKey::User(UserNo::MIN))..=(source, FilterKey::User(UserNo::MAX));
        self.keyed.range(all).filter_map(|((_, key), subscriptions)| match key {
            FilterKey::User(user) => Some((*user, subscriptions.as_slice())),
            FilterKey::Value(_) => None,
        })
    }

    /// Returns the values under which subscriptions to a source are filed, with these
    /// subscriptions.
    pub(super) fn keys(
        &self,
        source: DataSource,
    ) -> impl Iterator<Item = (&str, &[SubscriptionRef])> {
        let keys = self.keyed.range((source, FilterKey::Value(Box::default()))..);
        keys.map_while(move |((it, key), subscriptions)| match key {
            FilterKey::Value(value) if *it == source => Some((&**value, subscriptions.as_slice())),
            _ => None,
        })
    }

    /// Returns the owners of subscriptions, in ascending order, with these subscriptions.
    pub(super) fn owners(&self) -> impl Iterator<Item = (UserNo, &[SubscriptionRef])> {
        self.owners.iter().map(|(owner, subscriptions)| (*owner, subscriptions.as_slice()))
    }

    /// Returns the subscriptions of an owner.
    pub(super) fn of_owner(&self, owner: UserNo) -> &[SubscriptionRef] {
        self.owners.get(&owner).map_or(&[], |it| it.as_slice())
    }
}

fn remove_ref<K: Ord>(map: &mut BTreeMap<K, SubscriptionRefs>, key: &K, id: u64) {
    if let Some(subscriptions) = map.get_mut(key) {
        subscriptions.retain(|subscription_ref| subscription_ref.id != id);
        if subscriptions.is_empty() {
            map.remove(key);
        }
    }
}
