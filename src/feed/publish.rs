//! A commit, told to the subscriptions that it matters to.

use super::index::{Index, Place};
use super::source::Source;
use super::subscription::Subscription;
use super::touched::{Before, Touched};
use crate::log::Seq;
use crate::realm::{Realm, UserNo};

/// A subscription that is limited to another user now than it was.
struct Moved {
    place: Place,
    source: Source,
    owner: UserNo,
    from: Option<UserNo>,
    to: Option<UserNo>,
}

/// Tells every matching subscription what is different for it: what its owner no longer sees first,
/// then records, then rights. `realm` is the realm after the commit.
pub(super) fn publish(
    index: &mut Index,
    realm: &Realm,
    seq: Seq,
    touched: &Touched,
    before: &Before,
) {
    for Moved { place, source, owner, from, to } in scopes(index, realm, seq, touched) {
        index.remove(source, from, owner, place.id);
        index.list(source, to).push(place.clone());
        index.owners.entry(owner).or_default().push(place);
    }
    for ((source, row), old) in &before.rows {
        let broad = index.broad.get(source).into_iter().flatten();
        let keyed = old.user.and_then(|user| index.keyed.get(&(*source, user)));
        for place in broad.chain(keyed.into_iter().flatten()) {
            let look = |one: &mut Subscription| one.look(realm, seq, *row, old.row.as_ref());
            place.outbox.with_one(place.id, look);
        }
    }
    rights(index, realm, seq, touched);
}

/// Owners whose rights changed may see more or less than before.
fn scopes(index: &Index, realm: &Realm, seq: Seq, touched: &Touched) -> Vec<Moved> {
    let mut moved = Vec::new();
    touched.affected(
        realm,
        index.owners.keys().copied(),
        |owner| index.owners.contains_key(&owner),
        |owner, rights| {
            for place in index.owners.get(&owner).into_iter().flatten() {
                place.outbox.with_one(place.id, |one| {
                    if !one.hinges_on(realm, rights) {
                        return;
                    }
                    let (was_open, from) = (one.open, one.user);
                    one.scope(realm);
                    if was_open != one.open || one.lists_own() {
                        one.reflect(seq);
                        one.compare(realm);
                    }
                    if from != one.user {
                        let (source, to) = (one.wish.source, one.user);
                        moved.push(Moved { place: place.clone(), source, owner, from, to });
                    }
                });
            }
        },
    );
    moved
}

/// USER_RIGHTS: who is subscribed decides which rows are looked at, not who is affected.
fn rights(index: &Index, realm: &Realm, seq: Seq, touched: &Touched) {
    let source = Source::UserRights;
    let all = (source, UserNo::MIN)..=(source, UserNo::MAX);
    let keyed = index.keyed.range(all).map(|((_, user), _)| *user);
    touched.affected(
        realm,
        keyed,
        |user| index.keyed.contains_key(&(source, user)),
        |user, rights| {
            for place in index.keyed.get(&(source, user)).into_iter().flatten() {
                place.outbox.with_one(place.id, |one| {
                    one.look_rights(realm, seq, user, rights);
                });
            }
        },
    );
    for place in index.broad.get(&source).into_iter().flatten() {
        place.outbox.with_one(place.id, |one| {
            touched.in_order(realm, |user, rights| one.look_rights(realm, seq, user, rights));
        });
    }
}
