//! The publication of a commit: which subscriptions it affects, and which rows they get.

use super::commit::Commit;
use super::data_source::DataSource;
use super::delivery_list::{DeliveryList, PendingDelivery};
use super::filter_key::FilterKey;
use super::index::{Index, SubscriptionRef};
use super::right_change::RightChange;
use super::scope_refresh::refresh_scopes;
use super::source_record::SourceRecord;
use super::subscription::Subscription;
use crate::realm::UserNo;

/// Compares the affected subscriptions with the realm after the commit, and returns the deliveries:
/// the outboxes with updates, and the rights checks that are left to the delivery.
///
/// The scopes are refreshed first. The refresh removes the rows that an owner may no longer see,
/// and moves subscriptions to their new index keys. The following steps look up the subscriptions
/// under these keys.
pub(super) fn publish<'t>(index: &mut Index, commit: Commit<'t>) -> Vec<PendingDelivery<'t>> {
    let mut deliveries = DeliveryList::default();
    for rekeyed in refresh_scopes(index, commit, &mut deliveries) {
        rekeyed.apply(index);
    }
    publish_records(index, commit, &mut deliveries);
    publish_rights(index, commit, &mut deliveries);
    deliveries.into_deliveries()
}

/// Compares the affected records with the subscriptions that may show them.
fn publish_records(index: &Index, commit: Commit<'_>, deliveries: &mut DeliveryList<'_>) {
    let Commit { realm, seq, before, .. } = commit;
    for ((source, row), old) in &before.rows {
        let user = old.user.map(FilterKey::User);
        let record = SourceRecord::find(realm, *source, *row);
        // Subscriptions are looked up under the key of the record now and under its key before the
        // commit: subscriptions under the former key must lose the row.
        let key_now = record.and_then(|record| record.index_key(*source));
        let key_before = old
            .row
            .as_ref()
            .and_then(|row| source.index_key_in(row))
            .filter(|it| Some(it) != key_now.as_ref());
        let keys = user
            .into_iter()
            .chain([key_now, key_before].into_iter().flatten().map(FilterKey::Value));
        let keyed = keys.flat_map(|key| index.keyed(*source, key));
        for subscription_ref in index.unkeyed(*source).iter().chain(keyed) {
            let check = |subscription: &mut Subscription| {
                subscription.check_record(realm, seq, *row, record, old.row.as_ref())
            };
            deliveries.add_if_due(subscription_ref, check);
        }
    }
}

/// Compares rights with the subscriptions to USER_RIGHTS. If a profile changed, a loop over the
/// subscriptions that are filed under users finds those of its members. A loop over the members
/// would be longer: a profile can have many members, but usually few of them have subscriptions.
fn publish_rights<'t>(index: &Index, commit: Commit<'t>, deliveries: &mut DeliveryList<'t>) {
    let Commit { realm, seq, affected, .. } = commit;
    let source = DataSource::UserRights;
    for user in affected.users() {
        for subscription_ref in index.keyed(source, FilterKey::User(user)) {
            check_rights(commit, user, subscription_ref, None, deliveries);
        }
    }
    affected.for_each_member(
        realm,
        |_| true,
        index.users(source),
        |user, subscription_ref, profile| {
            check_rights(commit, user, subscription_ref, profile.rights.as_deref(), deliveries);
        },
    );
    for (code, subscriptions) in index.keys(source) {
        let right = realm.right_by_code(code).filter(|right| affected.includes(right.no));
        let Some(right) = right else { continue };
        let only = RightChange::per_user(realm, right.no);
        for subscription_ref in subscriptions {
            deliveries.add_if_due(subscription_ref, |subscription| {
                subscription.check_rights_of_users(realm, seq, affected, Some(&only));
            });
        }
    }
    for subscription_ref in index.unkeyed(source) {
        deliveries.add_if_due(subscription_ref, |subscription| {
            subscription.check_rights_of_users(realm, seq, affected, None);
        });
    }
}

/// Checks `rights` of a user; all rights if `rights` is `None`. A subscription with a single key is
/// checked during its delivery, without the index lock.
fn check_rights<'t>(
    commit: Commit<'t>,
    user: UserNo,
    subscription_ref: &SubscriptionRef,
    rights: Option<&'t [RightChange]>,
    deliveries: &mut DeliveryList<'t>,
) {
    if subscription_ref.single_key {
        deliveries.add_rights_check(subscription_ref, user, rights);
    } else {
        // All users of the filter are checked before the delivery, so that one update reports them.
        deliveries.add_if_due(subscription_ref, |subscription| {
            subscription.check_rights(commit.realm, commit.seq, user, rights, None);
        });
    }
}
