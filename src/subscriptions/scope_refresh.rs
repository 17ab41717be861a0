//! The refresh of subscription scopes after a commit.
//!
//! The scope of a subscription is what its owner may see, and its index keys. The scope changes
//! with the rights of the owner, and when a user that the filter names is created.

use super::commit::Commit;
use super::data_source::DataSource;
use super::delivery_list::DeliveryList;
use super::filter_key::FilterKey;
use super::index::{Index, SubscriptionRef};
use super::source_set::SourceSet;
use super::subscription::KeyChange;
use crate::realm::UserNo;

/// A subscription whose index keys changed.
pub(super) struct Rekeyed {
    subscription_ref: SubscriptionRef,
    source: DataSource,
    owner: UserNo,
    keys: KeyChange,
}

impl Rekeyed {
    /// Moves the subscription to its new keys in the index.
    pub(super) fn apply(&self, index: &mut Index) {
        index.remove(self.source, &self.keys.from, self.owner, self.subscription_ref.id);
        index.add(self.source, &self.keys.to, self.owner, &self.subscription_ref);
    }
}

/// Resolves the scopes that the commit may have changed, and returns the subscriptions whose keys
/// changed. The caller moves these subscriptions in the index, because this function only reads the
/// index.
pub(super) fn refresh_scopes(
    index: &Index,
    commit: Commit<'_>,
    deliveries: &mut DeliveryList<'_>,
) -> Vec<Rekeyed> {
    let Commit { realm, affected, .. } = commit;
    let mut refresh = ScopeRefresh { commit, deliveries, rekeyed: Vec::new() };
    for user in affected.users() {
        for subscription_ref in index.of_owner(user) {
            refresh.visit(subscription_ref, SourceSet::ALL);
        }
    }
    // A subscription that shows only the own profiles or rights of its owner depends on every right
    // of the owner. Any other subscription depends only on the rights to see all rows or the masked
    // columns of its source, and most commits change none of these.
    let own_lists = [DataSource::AllProfiles, DataSource::AllRights];
    let has_own_lists = own_lists.into_iter().any(|source| index.is_subscribed(source));
    affected.for_each_member(
        realm,
        |profile| has_own_lists || !profile.sources.is_empty(),
        index.owners(),
        |_, subscription_ref, profile| refresh.visit(subscription_ref, profile.sources),
    );
    // A subscription whose filter names a user who did not exist is filed under that name.
    for user in affected.users().filter_map(|user| realm.user(user)) {
        let name: Box<str> = user.name.as_str().to_ascii_lowercase().into();
        for source in DataSource::WITH_USER_ROWS {
            for subscription_ref in index.keyed(source, FilterKey::Value(name.clone())) {
                refresh.visit(subscription_ref, SourceSet::ALL);
            }
        }
    }
    refresh.rekeyed
}

/// The state of one refresh.
struct ScopeRefresh<'a, 't> {
    commit: Commit<'a>,
    deliveries: &'a mut DeliveryList<'t>,
    rekeyed: Vec<Rekeyed>,
}

impl ScopeRefresh<'_, '_> {
    /// Refreshes the scope of a subscription if it depends on the changed rights. `sources` are the
    /// sources whose visible rows and columns depend on these rights.
    fn visit(&mut self, subscription_ref: &SubscriptionRef, sources: SourceSet) {
        let Self { commit, deliveries, rekeyed } = self;
        deliveries.add_if_due(subscription_ref, |subscription| {
            if !subscription.depends_on(sources) {
                return;
            }
            if let Some(keys) = subscription.refresh_scope(commit.realm, commit.seq) {
                let (source, owner) = (subscription.request.source, subscription.request.owner);
                rekeyed.push(Rekeyed {
                    subscription_ref: subscription_ref.clone(),
                    source,
                    owner,
                    keys,
                });
            }
        });
    }
}
