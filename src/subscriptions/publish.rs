//! A commit, told to the subscriptions that it matters to.

use std::sync::Arc;

use super::affected::AffectedRights;
use super::before::RowsBefore;
use super::data_source::DataSource;
use super::filter_key::FilterKey;
use super::index::{Index, SubscriptionRef};
use super::outbox::{Outbox, Subscriptions, find};
use super::right_change::RightChange;
use super::subscription::Subscription;
use crate::realm::{Realm, RightNo, UserNo};
use crate::storage::Seq;

/// A subscription that is found by other keys now than it was.
struct Rekeyed {
    place: SubscriptionRef,
    source: DataSource,
    owner: UserNo,
    from: Vec<FilterKey>,
    to: Vec<FilterKey>,
}

/// An outbox in which rows wait now, or of which a subscription has yet to look for them.
pub(super) struct PendingDelivery<'t> {
    pub(super) outbox: Arc<Outbox>,
    look: Option<RightsCheck<'t>>,
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
    pub(super) fn look(
        &self,
        all: &mut Subscriptions,
        realm: &Realm,
        seq: Seq,
        out: Option<&mut Vec<u8>>,
    ) {
        if let Some(RightsCheck { id, user, rights }) = &self.look
            && let Some(one) = find(all, *id)
        {
            one.look_rights(realm, seq, *user, *rights, out);
        }
    }
}

/// All of them, in order.
#[derive(Default)]
struct DeliveryList<'t>(Vec<PendingDelivery<'t>>);

impl<'t> DeliveryList<'t> {
    fn work(&mut self, place: &SubscriptionRef, work: impl FnOnce(&mut Subscription)) {
        if place.outbox.prepare(place.id, work) {
            self.0.push(PendingDelivery { outbox: place.outbox.clone(), look: None });
        }
    }

    fn look(&mut self, place: &SubscriptionRef, user: UserNo, rights: Option<&'t [RightChange]>) {
        let last = self.0.last_mut().and_then(|due| due.look.as_mut());
        match last.filter(|last| (last.id, last.user) == (place.id, user)) {
            // Two of his profiles differ: one update tells of both.
            Some(last) => last.rights = None,
            None => {
                let look = Some(RightsCheck { id: place.id, user, rights });
                self.0.push(PendingDelivery { outbox: place.outbox.clone(), look });
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
    touched: &'t AffectedRights,
    before: &RowsBefore,
) -> Vec<PendingDelivery<'t>> {
    let mut due = DeliveryList::default();
    for Rekeyed { place, source, owner, from, to } in
        refresh_scopes(index, realm, seq, touched, &mut due)
    {
        index.remove(source, &from, owner, place.id);
        index.add(source, &to, owner, &place);
    }
    for ((source, row), old) in &before.rows {
        let user = old.user.map(FilterKey::User);
        // A record is found by its word now and by the one it had.
        let now = source.index_key(realm, *row);
        let then = old
            .row
            .as_ref()
            .and_then(|row| source.word_of(row))
            .filter(|it| Some(it) != now.as_ref());
        let keys = user.into_iter().chain([now, then].into_iter().flatten().map(FilterKey::Value));
        let keyed = keys.flat_map(|key| index.keyed(*source, key));
        for place in index.unkeyed(*source).iter().chain(keyed) {
            let look = |one: &mut Subscription| one.check_row(realm, seq, *row, old.row.as_ref());
            due.work(place, look);
        }
    }
    publish_rights(index, realm, seq, touched, &mut due);
    due.0
}

/// Owners whose rights changed may see more or less than before; filters that name users who did
/// not exist may find them now.
fn refresh_scopes(
    index: &Index,
    realm: &Realm,
    seq: Seq,
    touched: &AffectedRights,
    due: &mut DeliveryList<'_>,
) -> Vec<Rekeyed> {
    let mut moved = Vec::new();
    let mut scope = |place: &SubscriptionRef, one: &mut Subscription| {
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
            moved.push(Rekeyed { place: place.clone(), source, owner, from, to });
        }
    };
    touched.affected(
        realm,
        can_affect(index, realm),
        index.owners(),
        |owner| index.of_owner(owner),
        |_, place, rights| {
            due.work(place, |one| {
                if one.depends_on(realm, rights) {
                    scope(place, one);
                }
            });
        },
    );
    for user in touched.users().filter_map(|user| realm.user(user)) {
        let name: Box<str> = user.name.as_str().to_ascii_lowercase().into();
        for source in DataSource::OF_USERS {
            for place in index.keyed(source, FilterKey::Value(name.clone())) {
                due.work(place, |one| scope(place, one));
            }
        }
    }
    moved
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
    touched: &'t AffectedRights,
    due: &mut DeliveryList<'t>,
) {
    let source = DataSource::UserRights;
    touched.affected(
        realm,
        |_| true,
        index.users(source),
        |user| index.keyed(source, FilterKey::User(user)),
        |user, place, rights| match place.single_key {
            true => due.look(place, user, rights),
            // One update tells of all users that it asks for.
            false => due.work(place, |one| {
                one.look_rights(realm, seq, user, rights, None);
            }),
        },
    );
    for (word, places) in index.keys(source) {
        let right = realm.right_by_code(word).map(|right| right.no);
        for place in places.iter().filter(|_| right.is_some_and(|it| touched.concerns(it))) {
            due.work(place, |one| one.look_many(realm, seq, touched, right));
        }
    }
    for place in index.unkeyed(source) {
        due.work(place, |one| one.look_many(realm, seq, touched, None));
    }
}
