//! The feed: open subscriptions of this node, and how a commit becomes rows in their outboxes.

mod history;
pub mod outbox;
pub mod row;
pub mod source;
pub mod subscription;
mod touched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

pub use outbox::{Mail, Notice, Outbox};
pub use source::Source;
pub use subscription::{Services, Wish};

use crate::log::Seq;
use crate::realm::{Change, Realm, SessionNo, UserNo};
use history::History;
use subscription::Subscription;
pub(crate) use touched::Before;
use touched::Touched;

/// A subscription as the index finds it.
#[derive(Debug, Clone)]
struct Place {
    outbox: Arc<Outbox>,
    id: u64,
}

/// Who subscribes to what on this node. The locks are taken in the order index, outbox; an outbox
/// is never held while the index is asked for.
#[derive(Debug)]
pub struct Feed {
    next: AtomicU64,
    index: Mutex<Index>,
    history: Mutex<History>,
}

/// Subscriptions limited to one user are found by that user; the others form one list a source.
#[derive(Debug, Default)]
struct Index {
    keyed: BTreeMap<(Source, UserNo), Vec<Place>>,
    broad: BTreeMap<Source, Vec<Place>>,
    owners: BTreeMap<UserNo, Vec<Place>>,
}

impl Index {
    fn list(&mut self, source: Source, user: Option<UserNo>) -> &mut Vec<Place> {
        match user {
            Some(user) => self.keyed.entry((source, user)).or_default(),
            None => self.broad.entry(source).or_default(),
        }
    }

    fn remove(&mut self, source: Source, user: Option<UserNo>, owner: UserNo, id: u64) {
        self.list(source, user).retain(|place| place.id != id);
        if let Some(user) = user
            && self.keyed.get(&(source, user)).is_some_and(Vec::is_empty)
        {
            self.keyed.remove(&(source, user));
        }
        if let Some(places) = self.owners.get_mut(&owner) {
            places.retain(|place| place.id != id);
            if places.is_empty() {
                self.owners.remove(&owner);
            }
        }
    }
}

/// A subscription that is limited to another user now than it was.
struct Moved {
    place: Place,
    source: Source,
    owner: UserNo,
    from: Option<UserNo>,
    to: Option<UserNo>,
}

/// Why a subscription could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOpened {
    /// The connection has one of this name.
    Exists,
    /// The session has as many as allowed.
    TooMany,
}

impl Feed {
    /// A feed whose history begins at `floor`, the last commit of the realm that was loaded.
    pub fn new(floor: Seq) -> Self {
        Self {
            next: AtomicU64::new(1),
            index: Mutex::default(),
            history: Mutex::new(History::new(floor)),
        }
    }

    /// Registers a subscription, held back until [`Feed::release`]. From now on every commit
    /// counts; rows are read afterwards, by [`Feed::read_on`].
    pub fn open(
        &self,
        realm: &Realm,
        seq: Seq,
        outbox: &Arc<Outbox>,
        wish: Wish,
        most: usize,
    ) -> Result<u64, NotOpened> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (source, owner) = (wish.source, wish.owner);
        let user = outbox.with(|subscriptions| {
            if subscriptions.iter().any(|one| one.wish.source_ref == wish.source_ref) {
                return Err(NotOpened::Exists);
            }
            if subscriptions.len() >= most {
                return Err(NotOpened::TooMany);
            }
            let mut subscription = Subscription::new(id, wish, seq);
            subscription.scope(realm);
            let user = subscription.user;
            subscriptions.push(subscription);
            Ok(user)
        })?;
        let place = Place { outbox: outbox.clone(), id };
        let mut index = self.index.lock();
        index.list(source, user).push(place.clone());
        index.owners.entry(owner).or_default().push(place);
        Ok(id)
    }

    /// Reads one step of a subscription's rows, up to `wanted` of them. True when done.
    pub fn read_on(
        &self,
        realm: &Realm,
        seq: Seq,
        outbox: &Outbox,
        id: u64,
        wanted: &mut usize,
    ) -> bool {
        let read = |one: &mut Subscription| {
            one.reflect(seq);
            one.read_step(realm, wanted)
        };
        outbox.with_one(id, read).unwrap_or(true)
    }

    /// Gives a subscription to one user's rights only what changed since `version`. False when that
    /// is not known any more: then the rows are to be read.
    pub fn resume(&self, realm: &Realm, seq: Seq, outbox: &Outbox, id: u64, version: Seq) -> bool {
        let history = self.history.lock();
        let resume = |one: &mut Subscription| {
            let Some(user) = one.user.filter(|_| one.wish.source == Source::UserRights) else {
                return false;
            };
            let owner = one.wish.owner;
            let could_see = || {
                let right = realm.right_by_code("VIEW_USERS").map(|right| right.no);
                let then = history.effective_at(realm, owner, version);
                one.open && right.zip(then).is_some_and(|(right, then)| then.contains(&right))
            };
            if version > seq || (user != owner && !could_see()) {
                return false;
            }
            let then = history.effective_at(realm, user, version);
            let Some(then) = then.filter(|then| then.len() <= one.wish.rows_max) else {
                return false;
            };
            one.resume(realm, seq, user, &then);
            true
        };
        outbox.with_one(id, resume).unwrap_or(false)
    }

    /// Lets a subscription's rows go, after its LOGON_ACK, and owes it a QUERY_UPDATE.
    pub fn release(&self, outbox: &Outbox, id: u64) {
        outbox.with_one(id, |one| {
            one.held = false;
            one.owed = true;
        });
    }

    /// The subscription of this name, for MORE_ROWS: its number and how many rows it wants.
    pub fn find(&self, outbox: &Outbox, source_ref: &str) -> Option<(u64, usize)> {
        outbox.with(|subscriptions| {
            let one = subscriptions.iter().find(|one| &*one.wish.source_ref == source_ref)?;
            Some((one.id, one.wish.rows_max))
        })
    }

    /// Owes a subscription a QUERY_UPDATE, with or without rows.
    pub fn owe(&self, outbox: &Outbox, id: u64) {
        outbox.with_one(id, |one| one.owed = true);
    }

    /// Ends the subscription of this name: nothing is sent under it any more.
    pub fn close(&self, outbox: &Outbox, source_ref: &str) -> bool {
        !self.close_where(outbox, |one| &*one.wish.source_ref == source_ref).is_empty()
    }

    /// Ends all subscriptions of a connection that belong to a session (none: all of them) and
    /// gives their SOURCE_REFs.
    pub fn close_all(&self, outbox: &Outbox, session: Option<SessionNo>) -> Vec<Box<str>> {
        self.close_where(outbox, |one| session.is_none_or(|session| one.wish.session == session))
    }

    fn close_where(&self, outbox: &Outbox, which: impl Fn(&Subscription) -> bool) -> Vec<Box<str>> {
        let closed = outbox.with(|subscriptions| {
            subscriptions.extract_if(.., |one| which(one)).collect::<Vec<_>>()
        });
        let mut index = self.index.lock();
        for one in &closed {
            index.remove(one.wish.source, one.user, one.wish.owner, one.id);
        }
        closed.into_iter().map(|one| one.wish.source_ref).collect()
    }

    /// What must be known of the realm before it absorbs `changes`. Called with the realm as it is.
    pub(crate) fn before(&self, realm: &Realm, seq: Seq, changes: &[Change]) -> Before {
        self.history.lock().note(seq, realm, changes);
        let index = self.index.lock();
        let subscribed = |source: Source| {
            index.broad.get(&source).is_some_and(|list| !list.is_empty())
                || index.keyed.range((source, UserNo::MIN)..=(source, UserNo::MAX)).next().is_some()
        };
        let sources: Vec<_> = touched::ENTITIES.into_iter().filter(|it| subscribed(*it)).collect();
        drop(index);
        Before::look(realm, changes, &sources)
    }

    /// Tells every matching subscription exactly what a commit made different for it. Called with
    /// the realm after the commit, in commit order, by the one thread that applies commits.
    pub(crate) fn publish(&self, realm: &Realm, seq: Seq, changes: &[Change], before: &Before) {
        let touched = Touched::of(realm, changes, before);
        if touched.is_nothing() {
            return;
        }
        let mut moved = Vec::new();
        let mut index = self.index.lock();
        self.scopes(&index, realm, seq, &touched, &mut moved);
        for Moved { place, source, owner, from, to } in moved {
            index.remove(source, from, owner, place.id);
            index.list(source, to).push(place.clone());
            index.owners.entry(owner).or_default().push(place);
        }
        for ((source, row), old) in &before.rows {
            let broad = index.broad.get(source).into_iter().flatten();
            let keyed = old.user.and_then(|user| index.keyed.get(&(*source, user)));
            for place in broad.chain(keyed.into_iter().flatten()) {
                place.outbox.with_one(place.id, |one| one.look(realm, seq, *row, old.row.as_ref()));
            }
        }
        self.rights(&index, realm, seq, &touched);
    }

    /// Owners whose rights changed may see more or less than before: that goes first.
    fn scopes(
        &self,
        index: &Index,
        realm: &Realm,
        seq: Seq,
        touched: &Touched,
        moved: &mut Vec<Moved>,
    ) {
        touched.affected(
            realm,
            index.owners.keys().copied(),
            |owner| index.owners.contains_key(&owner),
            |owner, _| {
                for place in index.owners.get(&owner).into_iter().flatten() {
                    place.outbox.with_one(place.id, |one| {
                        let (was_open, from) = (one.open, one.user);
                        one.scope(realm);
                        let listed =
                            matches!(one.wish.source, Source::AllProfiles | Source::AllRights);
                        if was_open != one.open || (listed && !one.open) {
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
    }

    /// USER_RIGHTS: who is subscribed decides which rows are looked at, not who is affected.
    fn rights(&self, index: &Index, realm: &Realm, seq: Seq, touched: &Touched) {
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

    /// Tells all connections that hold a SERVICES subscription how its rows changed.
    pub fn publish_services(&self, now: &Services, before: &Services) {
        let index = self.index.lock();
        for place in index.broad.get(&Source::Services).into_iter().flatten() {
            place.outbox.with_one(place.id, |one| one.see_services(now, before));
        }
    }

    /// Fills a new SERVICES subscription.
    pub fn read_services(&self, outbox: &Outbox, id: u64, now: &Services) {
        outbox.with_one(id, |one| one.see_services(now, &Services::new()));
    }
}
