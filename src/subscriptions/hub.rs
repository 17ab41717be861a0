//! The feed: open subscriptions of this node, and how a commit becomes rows in their outboxes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::affected::AffectedRights;
use super::before::RowsBefore;
use super::data_source::DataSource;
use super::index::{Index, SubscriptionRef};
use super::outbox::{self, Outbox};
use super::quota::SubscriptionQuota;
use super::request::{Services, SubscriptionRequest};
use super::rights_history::RightsHistory;
use super::subscription::Subscription;
use super::{delivery, publish};
use crate::realm::{AuditEvent, Change, Realm, SessionNo};
use crate::storage::{AuditNo, Seq};
/// Who subscribes to what on this node. The locks are taken in the order index, outbox; an outbox
/// is never held while the index is asked for.
#[derive(Debug)]
pub struct SubscriptionHub {
    next: AtomicU64,
    index: Mutex<Index>,
    history: Mutex<RightsHistory>,
}

/// Why a subscription could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    /// The connection has one of this name.
    Exists,
    /// The session has as many as allowed.
    TooMany,
}

impl SubscriptionHub {
    /// A feed whose history begins at `floor`, the last commit of the realm that was loaded.
    pub fn new(floor: Seq) -> Self {
        Self {
            next: AtomicU64::new(1),
            index: Mutex::default(),
            history: Mutex::new(RightsHistory::new(floor)),
        }
    }

    /// Registers a subscription, held back until [`SubscriptionHub::release`]. From now on every commit
    /// counts; rows are read afterwards, by [`SubscriptionHub::read_rows`].
    pub fn subscribe(
        &self,
        realm: &Realm,
        seq: Seq,
        outbox: &Arc<Outbox>,
        wish: SubscriptionRequest,
        quota: &SubscriptionQuota,
        most: usize,
    ) -> Result<u64, SubscribeError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (source, owner) = (wish.source, wish.owner);
        let keys = outbox.with(|subscriptions| {
            if subscriptions.iter().any(|one| one.is_named(&wish.source_ref)) {
                return Err(SubscribeError::Exists);
            }
            let taken = quota.take(most).ok_or(SubscribeError::TooMany)?;
            let mut subscription = Subscription::new(id, wish, seq, taken);
            subscription.resolve_scope(realm);
            let keys = subscription.keys();
            subscriptions.push(subscription);
            Ok(keys)
        })?;
        let place = SubscriptionRef { outbox: outbox.clone(), id, single_key: false };
        self.index.lock().add(source, &keys, owner, &place);
        Ok(id)
    }

    /// Reads one step of a subscription's rows, up to `wanted` of them. True when done.
    pub fn read_rows(
        &self,
        realm: &Realm,
        seq: Seq,
        outbox: &Outbox,
        id: u64,
        wanted: &mut usize,
    ) -> bool {
        let read = |one: &mut Subscription| {
            // A right that was taken away is about to be published: nothing is read with it.
            if !one.may_read(realm) {
                return true;
            }
            one.advance_version(seq);
            one.read_step(realm, wanted)
        };
        outbox.with_one(id, read).unwrap_or(true)
    }

    /// Gives a subscription to one user's rights only what changed since `version`. False when that
    /// is not known any more: then the rows are to be read.
    pub fn resume(&self, realm: &Realm, seq: Seq, outbox: &Outbox, id: u64, version: Seq) -> bool {
        let history = self.history.lock();
        let resume = |one: &mut Subscription| {
            let (DataSource::UserRights, Some([user])) = (one.request.source, one.user_keys())
            else {
                return false;
            };
            let user = *user;
            let owner = one.request.owner;
            let could_see = || {
                let right = realm.right_by_code("VIEW_USERS").map(|right| right.no);
                let then = history.effective_at(realm, owner, version);
                one.sees_all && right.zip(then).is_some_and(|(right, then)| then.contains(&right))
            };
            if version > seq || (user != owner && !could_see()) {
                return false;
            }
            let then = history.effective_at(realm, user, version);
            let most = one.request.rows_max.min(one.request.view_max);
            let Some(then) = then.filter(|then| then.len() <= most) else {
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
            one.awaiting_ack = false;
            one.update_due = true;
        });
    }

    /// The subscription of this name, for MORE_ROWS: its number, its source, and how many rows it
    /// wants.
    pub fn find(&self, outbox: &Outbox, source_ref: &str) -> Option<(u64, DataSource, usize)> {
        outbox.with(|subscriptions| {
            let one = subscriptions.iter().find(|one| one.is_named(source_ref))?;
            Some((one.id, one.request.source, one.request.rows_max))
        })
    }

    /// Owes a subscription a QUERY_UPDATE, with or without rows.
    pub fn request_update(&self, outbox: &Outbox, id: u64) {
        outbox.with_one(id, |one| one.update_due = true);
    }

    /// Ends the subscription of this name: nothing is sent under it any more.
    pub fn cancel(&self, outbox: &Outbox, source_ref: &str) -> bool {
        !self.close_where(outbox, |one| one.is_named(source_ref)).is_empty()
    }

    /// Ends the subscription of this number.
    pub fn cancel_by_id(&self, outbox: &Outbox, id: u64) {
        self.close_where(outbox, |one| one.id == id);
    }

    /// Ends all subscriptions of a connection that belong to a session (none: all of them) and
    /// gives their SOURCE_REFs.
    pub fn cancel_all(&self, outbox: &Outbox, session: Option<SessionNo>) -> Vec<Box<str>> {
        self.close_where(outbox, |one| session.is_none_or(|session| one.request.session == session))
    }

    fn close_where(&self, outbox: &Outbox, which: impl Fn(&Subscription) -> bool) -> Vec<Box<str>> {
        let closed = outbox.with(|subscriptions| {
            let (closed, kept) = std::mem::take(subscriptions).into_iter().partition(&which);
            *subscriptions = kept;
            Vec::from_iter::<outbox::Subscriptions>(closed)
        });
        let mut index = self.index.lock();
        for one in &closed {
            index.remove(one.request.source, &one.keys(), one.request.owner, one.id);
        }
        closed.into_iter().map(|one| one.request.source_ref.as_str().into()).collect()
    }

    /// What must be known of the realm before it absorbs `changes`. Called with the realm as it is.
    pub(crate) fn rows_before(&self, realm: &Realm, seq: Seq, changes: &[Change]) -> RowsBefore {
        self.history.lock().note(seq, realm, changes);
        let index = self.index.lock();
        let sources = crate::subscriptions::before::ENTITIES
            .into_iter()
            .filter(|it| index.is_subscribed(*it));
        let sources: Vec<_> = sources.collect();
        drop(index);
        RowsBefore::collect(realm, changes, &sources)
    }

    /// Tells every matching subscription exactly what a commit made different for it. Called with
    /// the realm after the commit, in commit order, by the one thread that applies commits.
    pub(crate) fn publish(&self, realm: &Realm, seq: Seq, changes: &[Change], before: &RowsBefore) {
        let touched = AffectedRights::collect(realm, changes, before);
        if touched.is_nothing() {
            return;
        }
        let due = publish::publish(&mut self.index.lock(), realm, seq, &touched, before);
        delivery::deliver(&due, realm, seq);
    }

    /// Tells new audit rows, the first with this number, after the commit that they are of.
    pub(crate) fn publish_audit(&self, first: AuditNo, rows: &[Arc<AuditEvent>]) {
        let index = self.index.lock();
        for place in index.unkeyed(DataSource::AuditEvents) {
            place.outbox.with_one(place.id, |one| one.see_audit(first, rows));
        }
    }

    /// A new AUDIT_EVENTS subscription gets what comes after `last` by itself.
    pub fn start_audit_after(&self, outbox: &Outbox, id: u64, last: AuditNo) {
        outbox.with_one(id, |one| one.begin_audit_after(last));
    }

    /// Before which audit row the next step of reading begins, if there is anything to read.
    pub fn audit_from(&self, outbox: &Outbox, id: u64) -> Option<AuditNo> {
        outbox.with_one(id, |one| one.audit_from()).flatten()
    }

    /// Takes one step of audit rows that were read, up to `wanted` of them. True when done.
    pub fn read_audit(
        &self,
        realm: &Realm,
        outbox: &Outbox,
        id: u64,
        rows: &[(AuditNo, AuditEvent)],
        wanted: &mut usize,
    ) -> bool {
        outbox.with_one(id, |one| one.read_audit(realm, rows, wanted)).unwrap_or(true)
    }

    /// Tells all connections that hold a SERVICES subscription how its rows changed.
    pub fn publish_services(&self, now: &Services, before: &Services) {
        let index = self.index.lock();
        for place in index.unkeyed(DataSource::Services) {
            place.outbox.with_one(place.id, |one| one.see_services(now, before));
        }
    }

    /// Fills a new SERVICES subscription.
    pub fn read_services(&self, outbox: &Outbox, id: u64, now: &Services) {
        outbox.with_one(id, |one| one.see_services(now, &Services::new()));
    }
}
