//! The subscription hub: open subscriptions of this gateway, and how a commit becomes rows in
//! their outboxes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::affected::AffectedRights;
use super::before::RowsBefore;
use super::data_source::DataSource;
use super::index::{Index, SubscriptionRef};
use super::outbox::{self, Outbox};
use super::quota::SubscriptionQuota;
use super::request::{ServiceRows, SubscriptionRequest};
use super::rights_history::RightsHistory;
use super::subscription::Subscription;
use super::{delivery, publish};
use crate::realm::{AuditEvent, Change, Realm, SessionNo};
use crate::storage::{AuditNo, Seq};
/// Who subscribes to what on this gateway. The locks are taken in the order index, outbox; an
/// outbox is never held while the index is asked for.
#[derive(Debug)]
pub struct SubscriptionHub {
    next_id: AtomicU64,
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
    /// A hub whose history begins at `floor`, the last commit of the realm that was loaded.
    pub fn new(floor: Seq) -> Self {
        Self {
            next_id: AtomicU64::new(1),
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
        request: SubscriptionRequest,
        quota: &SubscriptionQuota,
        subscriptions_max: usize,
    ) -> Result<u64, SubscribeError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (source, owner) = (request.source, request.owner);
        let keys = outbox.with_subscriptions(|subscriptions| {
            if subscriptions.iter().any(|one| one.is_named(&request.source_ref)) {
                return Err(SubscribeError::Exists);
            }
            let permit = quota.acquire(subscriptions_max).ok_or(SubscribeError::TooMany)?;
            let mut subscription = Subscription::new(id, request, seq, permit);
            subscription.resolve_scope(realm);
            let keys = subscription.keys();
            subscriptions.push(subscription);
            Ok(keys)
        })?;
        let subscription_ref = SubscriptionRef { outbox: outbox.clone(), id, single_key: false };
        self.index.lock().add(source, &keys, owner, &subscription_ref);
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
        outbox.with_subscription(id, read).unwrap_or(true)
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
            let subscriptions_max = one.request.rows_max.min(one.request.view_max);
            let Some(then) = then.filter(|then| then.len() <= subscriptions_max) else {
                return false;
            };
            one.resume(realm, seq, user, &then);
            true
        };
        outbox.with_subscription(id, resume).unwrap_or(false)
    }

    /// Lets a subscription's rows go, after its LOGON_ACK, and owes it a QUERY_UPDATE.
    pub fn release(&self, outbox: &Outbox, id: u64) {
        outbox.with_subscription(id, |one| {
            one.awaiting_ack = false;
            one.update_due = true;
        });
    }

    /// The subscription of this name, for MORE_ROWS: its number, its source, and how many rows it
    /// wants.
    pub fn find(&self, outbox: &Outbox, source_ref: &str) -> Option<(u64, DataSource, usize)> {
        outbox.with_subscriptions(|subscriptions| {
            let one = subscriptions.iter().find(|one| one.is_named(source_ref))?;
            Some((one.id, one.request.source, one.request.rows_max))
        })
    }

    /// Owes a subscription a QUERY_UPDATE, with or without rows.
    pub fn request_update(&self, outbox: &Outbox, id: u64) {
        outbox.with_subscription(id, |one| one.update_due = true);
    }

    /// Ends the subscription of this name: nothing is sent under it any more.
    pub fn cancel(&self, outbox: &Outbox, source_ref: &str) -> bool {
        !self.cancel_where(outbox, |one| one.is_named(source_ref)).is_empty()
    }

    /// Ends the subscription of this number.
    pub fn cancel_by_id(&self, outbox: &Outbox, id: u64) {
        self.cancel_where(outbox, |one| one.id == id);
    }

    /// Ends all subscriptions of a connection that belong to a session (none: all of them) and
    /// gives their SOURCE_REFs.
    pub fn cancel_all(&self, outbox: &Outbox, session: Option<SessionNo>) -> Vec<Box<str>> {
        self.cancel_where(outbox, |one| {
            session.is_none_or(|session| one.request.session == session)
        })
    }

    fn cancel_where(
        &self,
        outbox: &Outbox,
        which: impl Fn(&Subscription) -> bool,
    ) -> Vec<Box<str>> {
        let cancelled = outbox.with_subscriptions(|subscriptions| {
            let (cancelled, kept) = std::mem::take(subscriptions).into_iter().partition(&which);
            *subscriptions = kept;
            Vec::from_iter::<outbox::Subscriptions>(cancelled)
        });
        let mut index = self.index.lock();
        for one in &cancelled {
            index.remove(one.request.source, &one.keys(), one.request.owner, one.id);
        }
        cancelled.into_iter().map(|one| one.request.source_ref.as_str().into()).collect()
    }

    /// What must be known of the realm before it applies `changes`. Called with the realm as it is.
    pub(crate) fn rows_before(&self, realm: &Realm, seq: Seq, changes: &[Change]) -> RowsBefore {
        self.history.lock().record(seq, realm, changes);
        let index = self.index.lock();
        let sources = crate::subscriptions::before::RECORD_SOURCES
            .into_iter()
            .filter(|it| index.is_subscribed(*it));
        let sources: Vec<_> = sources.collect();
        drop(index);
        RowsBefore::collect(realm, changes, &sources)
    }

    /// Tells every matching subscription exactly what a commit made different for it. Called with
    /// the realm after the commit, in commit order, by the one thread that applies commits.
    pub(crate) fn publish(&self, realm: &Realm, seq: Seq, changes: &[Change], before: &RowsBefore) {
        let affected = AffectedRights::collect(realm, changes, before);
        if affected.is_empty() {
            return;
        }
        let deliveries = publish::publish(&mut self.index.lock(), realm, seq, &affected, before);
        delivery::deliver(&deliveries, realm, seq);
    }

    /// Tells new audit rows, the first with this number, after the commit that they are of.
    pub(crate) fn publish_audit(&self, first: AuditNo, rows: &[Arc<AuditEvent>]) {
        let index = self.index.lock();
        for subscription_ref in index.unkeyed(DataSource::AuditEvents) {
            subscription_ref
                .outbox
                .with_subscription(subscription_ref.id, |one| one.add_audit_rows(first, rows));
        }
    }

    /// A new AUDIT_EVENTS subscription gets what comes after `last` by itself.
    pub fn start_audit_after(&self, outbox: &Outbox, id: u64, last: AuditNo) {
        outbox.with_subscription(id, |one| one.start_audit_after(last));
    }

    /// Before which audit row the next step of reading begins, if there is anything to read.
    pub fn audit_read_position(&self, outbox: &Outbox, id: u64) -> Option<AuditNo> {
        outbox.with_subscription(id, |one| one.audit_read_position()).flatten()
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
        outbox.with_subscription(id, |one| one.read_audit(realm, rows, wanted)).unwrap_or(true)
    }

    /// Tells all connections that hold a SERVICES subscription how its rows changed.
    pub fn publish_services(&self, now: &ServiceRows, before: &ServiceRows) {
        let index = self.index.lock();
        for subscription_ref in index.unkeyed(DataSource::Services) {
            subscription_ref
                .outbox
                .with_subscription(subscription_ref.id, |one| one.diff_services(now, before));
        }
    }

    /// Fills a new SERVICES subscription.
    pub fn read_services(&self, outbox: &Outbox, id: u64, now: &ServiceRows) {
        outbox.with_subscription(id, |one| one.diff_services(now, &ServiceRows::new()));
    }
}
