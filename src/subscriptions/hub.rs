//! The subscription hub: the open subscriptions of a gateway, and the publication of commits.

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

/// The open subscriptions of this gateway.
///
/// Lock order: the realm, then index, outbox, history. The publication of a commit locks outboxes
/// while it holds the index, so a thread that holds an outbox or the history never waits for the
/// index. A thread that holds an outbox never waits for another outbox. Deliveries hold several
/// outboxes, so otherwise two deliveries could wait for each other.
#[derive(Debug)]
pub struct SubscriptionHub {
    next_id: AtomicU64,
    index: Mutex<Index>,
    history: Mutex<RightsHistory>,
}

/// The reason why a subscription cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    /// The connection has a subscription with this SOURCE_REF.
    Exists,
    /// The session has as many subscriptions as allowed.
    TooMany,
}

impl SubscriptionHub {
    /// Creates a hub whose rights history begins at `floor`, the sequence number of the last commit
    /// that the loaded realm reflects.
    pub fn new(floor: Seq) -> Self {
        Self {
            next_id: AtomicU64::new(1),
            index: Mutex::default(),
            history: Mutex::new(RightsHistory::new(floor)),
        }
    }

    /// Opens a subscription, reads its first rows and adds it to the index. The subscription sends
    /// nothing until [`Outbox::release`]; further rows are read through the handle.
    ///
    /// The caller holds the read lock of `realm` until this function returns. No commit is applied
    /// between the read of the first rows and the addition to the index, so each later commit is
    /// published to the subscription. The last earlier commit may also be published to the
    /// subscription, although the first rows reflect it already. At most some modified fields are
    /// then sent twice.
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
        // The outbox is unlocked by now: the index must not be locked while an outbox is held.
        let subscription_ref = SubscriptionRef { outbox: outbox.clone(), id, single_key: false };
        self.index.lock().add(source, &keys, owner, &subscription_ref);
        Ok((self.handle(outbox, id, source, rows_max), first_rows))
    }

    /// Returns the subscription with this SOURCE_REF; `None` if there is none.
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

    /// Cancels the subscription with this SOURCE_REF and returns whether it existed. Nothing is
    /// sent for the subscription afterwards.
    pub fn cancel(&self, outbox: &Outbox, source_ref: &str) -> bool {
        !self.cancel_where(outbox, |subscription| subscription.is_named(source_ref)).is_empty()
    }

    /// Cancels the subscriptions of a connection that belong to a session (`None`: all of them),
    /// and returns their SOURCE_REFs.
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
        // The outbox is unlocked before the index is locked. In between, the index has references
        // to subscriptions that are no longer in their outbox; a publication skips these.
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

    /// Records the changed rights in the history, and returns the affected rows as they are before
    /// the commit. Called under the write lock of `realm`, before `changes` are applied.
    pub(crate) fn rows_before(&self, realm: &Realm, seq: Seq, changes: &[Change]) -> RowsBefore {
        self.history.lock().record(seq, realm, changes);
        let index = self.index.lock();
        let sources: Vec<_> =
            RECORD_SOURCES.into_iter().filter(|source| index.is_subscribed(*source)).collect();
        drop(index);
        RowsBefore::collect(realm, changes, &sources)
    }

    /// Publishes a commit: each affected subscription gets the difference between the rows that its
    /// client has and the rows that the client may see now. Called with the realm after the commit,
    /// in commit order, by the one thread that applies entries.
    pub(crate) fn publish(&self, realm: &Realm, seq: Seq, changes: &[Change], before: &RowsBefore) {
        let affected = AffectedRights::collect(realm, changes, before);
        if affected.is_empty() {
            return;
        }
        let commit = Commit { realm, seq, affected: &affected, before };
        // The index is locked for this statement only: subscribe requests need not wait for the
        // delivery.
        let deliveries = publish::publish(&mut self.index.lock(), commit);
        delivery::deliver(&deliveries, realm, seq);
    }

    /// Publishes new audit rows after their commit; `first` is the number of the first one. The
    /// rows must be in the audit trail already.
    pub(crate) fn publish_audit(&self, first: AuditNo, rows: &[Arc<AuditEvent>]) {
        let index = self.index.lock();
        for subscription_ref in index.unkeyed(DataSource::AuditEvents) {
            subscription_ref.outbox.with_subscription(subscription_ref.id, |subscription| {
                subscription.add_audit_rows(first, rows)
            });
        }
    }

    /// Publishes the changes of the service rows to all SERVICES subscriptions.
    pub fn publish_services(&self, now: &ServiceRows, before: &ServiceRows) {
        let index = self.index.lock();
        for subscription_ref in index.unkeyed(DataSource::Services) {
            subscription_ref.outbox.with_subscription(subscription_ref.id, |subscription| {
                subscription.diff_services(now, before)
            });
        }
    }
}
