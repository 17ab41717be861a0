//! A commit, told to the subscriptions that it matters to.

use std::sync::Arc;

use super::affected::AffectedRights;
use super::before::RowsBefore;
use super::data_source::DataSource;
use super::filter_key::FilterKey;
use super::index::{Index, SubscriptionRef};
use super::outbox::{Outbox, Subscriptions, find_subscription};
use super::right_change::RightChange;
use super::subscription::Subscription;
use crate::realm::{Realm, RightNo, UserNo};
use crate::storage::Seq;

/// A subscription that is found by other keys now than it was.
struct Rekeyed {
    subscription: SubscriptionRef,
    source: DataSource,
    owner: UserNo,
    from: Vec<FilterKey>,
    to: Vec<FilterKey>,
}

/// An outbox in which rows wait now, or of which a subscription has yet to look for them.
pub(super) struct PendingDelivery<'t> {
    pub(super) outbox: Arc<Outbox>,
    rights_check: Option<RightsCheck<'t>>,
}

/// These rights of a user (none: all of them) may differ for a subscription.
struct RightsCheck<'t> {
    id: u64,
    user: UserNo,
    rights: Option<&'t [RightChange]>,
}

impl PendingDelivery<'_> {
    /// Looks for rows where that is yet to be done; `realm` is the realm after the commit. An
    /// update that need not wait is appended to `out`, if there is one.
    pub(super) fn check_rights(
        &self,
        all: &mut Subscriptions,
        realm: &Realm,
        seq: Seq,
        out: Option<&mut Vec<u8>>,
    ) {
        if let Some(RightsCheck { id, user, rights }) = &self.rights_check
            && let Some(one) = find_subscription(all, *id)
        {
            one.check_rights(realm, seq, *user, *rights, out);
        }
    }
}

/// All of them, in order.
#[derive(Default)]
struct DeliveryList<'t>(Vec<PendingDelivery<'t>>);

impl<'t> DeliveryList<'t> {
    fn add_if_due(
        &mut self,
        subscription: &SubscriptionRef,
        update: impl FnOnce(&mut Subscription),
    ) {
        if subscription.outbox.with_subscription_no_wake(subscription.id, update) {
            self.0
                .push(PendingDelivery { outbox: subscription.outbox.clone(), rights_check: None });
        }
    }

    fn add_rights_check(
        &mut self,
        subscription: &SubscriptionRef,
        user: UserNo,
        rights: Option<&'t [RightChange]>,
    ) {
        let last = self.0.last_mut().and_then(|deliveries| deliveries.rights_check.as_mut());
        match last.filter(|last| (last.id, last.user) == (subscription.id, user)) {
            // Two of his profiles differ: one update tells of both.
            Some(last) => last.rights = None,
            None => {
                let check = Some(RightsCheck { id: subscription.id, user, rights });
                self.0.push(PendingDelivery {
                    outbox: subscription.outbox.clone(),
                    rights_check: check,
                });
            }
        }
    }
}

/// Tells every matching subscription what is different for it: what its owner no longer sees first,
/// then records, then rights. `realm` is the realm after the commit.
pub(super) fn publish<'t>(
    index: &mut Index,
    realm: &Realm,
    seq: Seq,
    affected: &'t AffectedRights,
    before: &RowsBefore,
) -> Vec<PendingDelivery<'t>> {
    let mut deliveries = DeliveryList::default();
    for Rekeyed { subscription: place, source, owner, from, to } in
        refresh_scopes(index, realm, seq, affected, &mut deliveries)
    {
        index.remove(source, &from, owner, place.id);
        index.add(source, &to, owner, &place);
    }
    for ((source, row), old) in &before.rows {
        let user = old.user.map(FilterKey::User);
        // A record is found by its word now and by the one it had.
        let key_now = source.index_key(realm, *row);
        let key_before = old
            .row
            .as_ref()
            .and_then(|row| source.index_key_in(row))
            .filter(|it| Some(it) != key_now.as_ref());
        let keys = user
            .into_iter()
            .chain([key_now, key_before].into_iter().flatten().map(FilterKey::Value));
        let keyed = keys.flat_map(|key| index.keyed(*source, key));
        for subscription in index.unkeyed(*source).iter().chain(keyed) {
            let check = |one: &mut Subscription| one.check_row(realm, seq, *row, old.row.as_ref());
            deliveries.add_if_due(subscription, check);
        }
    }
    publish_rights(index, realm, seq, affected, &mut deliveries);
    deliveries.0
}

/// Owners whose rights changed may see more or less than before; filters that name users who did
/// not exist may find them now.
fn refresh_scopes(
    index: &Index,
    realm: &Realm,
    seq: Seq,
    affected: &AffectedRights,
    deliveries: &mut DeliveryList<'_>,
) -> Vec<Rekeyed> {
    let mut rekeyed = Vec::new();
    let mut scope = |subscription: &SubscriptionRef, one: &mut Subscription| {
        let (was_open, was_unmasked, from) = (one.sees_all, one.unmasked, one.keys());
        one.resolve_scope(realm);
        if was_open != one.sees_all || one.own_records_only() {
            one.advance_version(seq);
            one.recompute(realm);
        }
        if was_unmasked != one.unmasked {
            one.remask(realm);
        }
        let (source, owner, to) = (one.request.source, one.request.owner, one.keys());
        if from != to {
            rekeyed.push(Rekeyed { subscription: subscription.clone(), source, owner, from, to });
        }
    };
    affected.for_each_subscription(
        realm,
        can_affect(index, realm),
        index.owners(),
        |owner| index.of_owner(owner),
        |_, subscription, rights| {
            deliveries.add_if_due(subscription, |one| {
                if one.depends_on(realm, rights) {
                    scope(subscription, one);
                }
            });
        },
    );
    for user in affected.users().filter_map(|user| realm.user(user)) {
        let name: Box<str> = user.name.as_str().to_ascii_lowercase().into();
        for source in DataSource::WITH_USER_ROWS {
            for subscription in index.keyed(source, FilterKey::Value(name.clone())) {
                deliveries.add_if_due(subscription, |one| scope(subscription, one));
            }
        }
    }
    rekeyed
}

/// Whether rights that changed may change what anybody sees: what [`Subscription::depends_on`] asks
/// of each, asked once of all. Most commits change no such right.
fn can_affect(index: &Index, realm: &Realm) -> impl Fn(Option<&[RightChange]>) -> bool {
    let needed =
        DataSource::NAMES.iter().flat_map(|(_, it)| [it.view_right(), it.unmask_right()]).flatten();
    let needed: Vec<RightNo> =
        needed.filter_map(|code| Some(realm.right_by_code(code)?.no)).collect();
    let own = [DataSource::AllProfiles, DataSource::AllRights];
    let lists_own = own.into_iter().any(|source| index.is_subscribed(source));
    move |rights| {
        let needs = |rights: &[RightChange]| rights.iter().any(|it| needed.contains(&it.right));
        lists_own || rights.is_none_or(needs)
    }
}

/// USER_RIGHTS: who is subscribed decides which rows are looked at, not who is affected.
fn publish_rights<'t>(
    index: &Index,
    realm: &Realm,
    seq: Seq,
    affected: &'t AffectedRights,
    deliveries: &mut DeliveryList<'t>,
) {
    let source = DataSource::UserRights;
    affected.for_each_subscription(
        realm,
        |_| true,
        index.users(source),
        |user| index.keyed(source, FilterKey::User(user)),
        |user, subscription, rights| match subscription.single_key {
            true => deliveries.add_rights_check(subscription, user, rights),
            // One update tells of all users that it asks for.
            false => deliveries.add_if_due(subscription, |one| {
                one.check_rights(realm, seq, user, rights, None);
            }),
        },
    );
    for (key, subscriptions) in index.keys(source) {
        let right = realm.right_by_code(key).map(|right| right.no);
        for subscription in
            subscriptions.iter().filter(|_| right.is_some_and(|it| affected.includes(it)))
        {
            deliveries.add_if_due(subscription, |one| {
                one.check_rights_of_users(realm, seq, affected, right)
            });
        }
    }
    for subscription in index.unkeyed(source) {
        deliveries
            .add_if_due(subscription, |one| one.check_rights_of_users(realm, seq, affected, None));
    }
}
