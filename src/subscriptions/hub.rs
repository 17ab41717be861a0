//! The subscription hub: open subscriptions of this gateway, and how a commit becomes rows in
//! their outboxes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::affected::AffectedRights;
use super::before::{RECORD_SOURCES, RowsBefore};
use super::commit::Commit;
use super::data_source::DataSource;
use super::handle::SubscriptionHandle;
use super::index::{Index, SubscriptionRef};
use super::outbox::Outbox;
use super::quota::SubscriptionQuota;
use super::request::{ServiceRows, SubscriptionRequest};
use super::rights_history::RightsHistory;
use super::subscription::{FirstRows, Subscription};
use super::{delivery, publish};
use crate::realm::{AuditEvent, Change, Realm, SessionNo};
use crate::storage::{AuditNo, Seq};
/// Who subscribes to what on this gateway. The locks are taken in the order index, outbox, history;
/// an outbox is never held while the index is asked for.
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

    /// Registers a subscription, held back until [`Outbox::release`], with its first rows.
    /// From now on every commit counts; what is left to read is read through the handle.
    pub fn subscribe<'h>(
        &'h self,
        realm: &Realm,
        seq: Seq,
        outbox: &'h Arc<Outbox>,
        request: SubscriptionRequest,
        quota: &SubscriptionQuota,
        subscriptions_max: usize,
    ) -> Result<(SubscriptionHandle<'h>, FirstRows), SubscribeError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (source, rows_max, owner) = (request.source, request.rows_max, request.owner);
        let (keys, first_rows) = outbox.with_subscriptions(|subscriptions| {
            if subscriptions.named(&request.source_ref).is_some() {
                return Err(SubscribeError::Exists);
            }
            let permit = quota.acquire(subscriptions_max).ok_or(SubscribeError::TooMany)?;
            let (subscription, keys, first_rows) =
                Subscription::open(id, request, permit, realm, seq, &self.history);
            subscriptions.insert(subscription);
            Ok((keys, first_rows))
        })?;
        let subscription_ref = SubscriptionRef { outbox: outbox.clone(), id, single_key: false };
        self.index.lock().add(source, &keys, owner, &subscription_ref);
        Ok((self.handle(outbox, id, source, rows_max), first_rows))
    }

    /// The subscription of this SOURCE_REF.
    pub fn find<'h>(
        &'h self,
        outbox: &'h Arc<Outbox>,
        source_ref: &str,
    ) -> Option<SubscriptionHandle<'h>> {
        outbox.with_subscriptions(|subscriptions| {
            let found = subscriptions.named(source_ref)?;
            Some(self.handle(outbox, found.id, found.request.source, found.request.rows_max))
        })
    }

    fn handle<'h>(
        &'h self,
        outbox: &'h Arc<Outbox>,
        id: u64,
        source: DataSource,
        rows_max: usize,
    ) -> SubscriptionHandle<'h> {
        SubscriptionHandle { index: &self.index, outbox, id, source, rows_max }
    }

    /// Ends the subscription of this SOURCE_REF: nothing is sent under it any more.
    pub fn cancel(&self, outbox: &Outbox, source_ref: &str) -> bool {
        !self.cancel_where(outbox, |subscription| subscription.is_named(source_ref)).is_empty()
    }

    /// Ends all subscriptions of a connection that belong to a session (`None`: all of them) and
    /// gives their SOURCE_REFs.
    pub fn cancel_all(&self, outbox: &Outbox, session: Option<SessionNo>) -> Vec<Box<str>> {
        self.cancel_where(outbox, |subscription| {
            session.is_none_or(|session| subscription.request.session == session)
        })
    }

    fn cancel_where(
        &self,
        outbox: &Outbox,
        is_cancelled: impl Fn(&Subscription) -> bool,
    ) -> Vec<Box<str>> {
        let cancelled = outbox.with_subscriptions(|all| all.remove_where(is_cancelled));
        if cancelled.is_empty() {
            return Vec::new();
        }
        let mut index = self.index.lock();
        cancelled.iter().for_each(|subscription| index.remove_subscription(subscription));
        drop(index);
        cancelled
            .into_iter()
            .map(|subscription| subscription.request.source_ref.as_str().into())
            .collect()
    }

    /// What must be known of the realm before it applies `changes`. Called with the realm as it is.
    pub(crate) fn rows_before(&self, realm: &Realm, seq: Seq, changes: &[Change]) -> RowsBefore {
        self.history.lock().record(seq, realm, changes);
        let index = self.index.lock();
        let sources: Vec<_> =
            RECORD_SOURCES.into_iter().filter(|source| index.is_subscribed(*source)).collect();
        drop(index);
        RowsBefore::collect(realm, changes, &sources)
    }

    /// Gives every matching subscription exactly what a commit made different for it. Called with
    /// the realm after the commit, in commit order, by the one thread that applies commits.
    pub(crate) fn publish(&self, realm: &Realm, seq: Seq, changes: &[Change], before: &RowsBefore) {
        let affected = AffectedRights::collect(realm, changes, before);
        if affected.is_empty() {
            return;
        }
        let commit = Commit { realm, seq, affected: &affected, before };
        let deliveries = publish::publish(&mut self.index.lock(), commit);
        delivery::deliver(&deliveries, realm, seq);
    }

    /// Publishes new audit rows, the first with this number, after their commit.
    pub(crate) fn publish_audit(&self, first: AuditNo, rows: &[Arc<AuditEvent>]) {
        let index = self.index.lock();
        for subscription_ref in index.unkeyed(DataSource::AuditEvents) {
            subscription_ref.outbox.with_subscription(subscription_ref.id, |subscription| {
                subscription.add_audit_rows(first, rows)
            });
        }
    }

    /// Gives all SERVICES subscriptions the difference of their rows.
    pub fn publish_services(&self, now: &ServiceRows, before: &ServiceRows) {
        let index = self.index.lock();
        for subscription_ref in index.unkeyed(DataSource::Services) {
            subscription_ref.outbox.with_subscription(subscription_ref.id, |subscription| {
                subscription.diff_services(now, before)
            });
        }
    }
}
