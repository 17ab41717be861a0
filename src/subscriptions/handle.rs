//! The handle of one subscription: reads its further rows and cancels it.

use std::sync::Arc;

use parking_lot::Mutex;

use super::data_source::DataSource;
use super::index::Index;
use super::outbox::Outbox;
use super::request::ServiceRows;
use super::subscription::Subscription;
use crate::realm::{AuditEvent, Realm};
use crate::storage::{AuditNo, Seq};

/// An open subscription. Each method that accesses the subscription locks the outbox once. A
/// subscription that was cancelled meanwhile has nothing to read.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionHandle<'h> {
    pub(super) index: &'h Mutex<Index>,
    pub(super) outbox: &'h Arc<Outbox>,
    pub(super) id: u64,
    pub(super) source: DataSource,
    pub(super) rows_max: usize,
}

impl SubscriptionHandle<'_> {
    /// Returns the number of the subscription, unique on this gateway.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the data source of the subscription.
    pub fn source(&self) -> DataSource {
        self.source
    }

    /// Returns MAX_ROWS of the client.
    pub fn rows_max(&self) -> usize {
        self.rows_max
    }

    /// Reads one step of rows from the realm, at most `rows_left`, and subtracts the number of rows
    /// read from `rows_left`. Returns whether reading is done. The caller holds the read lock of
    /// `realm`.
    pub fn read(&self, realm: &Realm, seq: Seq, rows_left: &mut usize) -> bool {
        let read = |subscription: &mut Subscription| {
            // If `may_read` is false, a commit that is applied but not yet published has revoked
            // the right to see all rows. No row may be read with the revoked right. The publication
            // will refresh the scope.
            if !subscription.may_read(realm) {
                return true;
            }
            subscription.advance_version(seq);
            subscription.read_step(realm, rows_left)
        };
        self.outbox.with_subscription(self.id, read).unwrap_or(true)
    }

    /// Reads all rows of SERVICES.
    pub fn read_services(&self, rows: &ServiceRows) {
        self.outbox.with_subscription(self.id, |subscription| {
            subscription.diff_services(rows, &ServiceRows::new());
        });
    }

    /// Divides the audit rows: rows up to `last` are read, later rows are pushed. Returns the
    /// position of reading, as [`Self::audit_position`] does.
    pub fn start_audit(&self, last: AuditNo) -> Option<AuditNo> {
        let start = |subscription: &mut Subscription| {
            subscription.start_audit_after(last);
            subscription.audit_read_position()
        };
        self.outbox.with_subscription(self.id, start).flatten()
    }

    /// Returns the position of reading. Rows are read from the newest to the oldest: the next step
    /// reads rows with lower numbers than this. `None` if there is nothing to read.
    pub fn audit_position(&self) -> Option<AuditNo> {
        let position = |subscription: &mut Subscription| subscription.audit_read_position();
        self.outbox.with_subscription(self.id, position).flatten()
    }

    /// Adds one step of audit rows, at most `rows_left`. Returns the position of the next step;
    /// `None` when done.
    pub fn read_audit(
        &self,
        realm: &Realm,
        rows: &[(AuditNo, AuditEvent)],
        rows_left: &mut usize,
    ) -> Option<AuditNo> {
        let read = |subscription: &mut Subscription| {
            let is_done = subscription.read_audit(realm, rows, rows_left);
            if is_done { None } else { subscription.audit_read_position() }
        };
        self.outbox.with_subscription(self.id, read).flatten()
    }

    /// Makes a QUERY_UPDATE due, with or without rows.
    pub fn request_update(&self) {
        self.outbox.with_subscription(self.id, |subscription| subscription.update_due = true);
    }

    /// Cancels the subscription: nothing is sent under its SOURCE_REF afterwards.
    pub fn cancel(&self) {
        // The outbox is unlocked before the index is locked, because a thread that holds an outbox
        // must not wait for the index.
        let cancelled = self.outbox.with_subscriptions(|all| all.remove(self.id));
        if let Some(subscription) = cancelled {
            self.index.lock().remove_subscription(&subscription);
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::UserName;

    use super::*;
    use crate::realm::{Command, NewUser, SessionNo};
    use crate::subscriptions::hub::{SubscribeError, SubscriptionHub};
    use crate::subscriptions::quota::SubscriptionQuota;
    use crate::subscriptions::request::SubscriptionRequest;
    use crate::subscriptions::subscription::FirstRows;

    fn realm() -> Realm {
        let mut realm = Realm::default();
        let user = NewUser::named(UserName::parse("u1").unwrap());
        let changes = realm.plan(1, &Command::AddUsers(vec![user])).changes;
        realm.apply_changes(&changes);
        realm
    }

    fn request(realm: &Realm, source_ref: &str) -> SubscriptionRequest {
        let owner = realm.user_by_name(&UserName::parse("u1").unwrap()).unwrap().no;
        SubscriptionRequest {
            source: DataSource::AllUsers,
            source_ref: source_ref.into(),
            criteria: None,
            columns: u64::MAX,
            rows_max: 250,
            view_max: 1_000,
            resume_from: None,
            owner,
            session: SessionNo(1),
        }
    }

    fn frames(outbox: &Outbox) -> Vec<String> {
        let frames = outbox.drain().frames.into_iter();
        frames.map(|frame| String::from_utf8(frame).unwrap()).collect()
    }

    #[test]
    fn a_subscription_is_read_and_cancelled_through_its_handle() {
        let (realm, hub, outbox) = (realm(), SubscriptionHub::new(0), Outbox::new(1 << 20));
        let quota = SubscriptionQuota::default();
        let subscribe =
            |source_ref| hub.subscribe(&realm, 1, &outbox, request(&realm, source_ref), &quota, 2);
        let (first, rows) = subscribe("\"a\"").unwrap();
        assert_eq!((first.source(), first.rows_max()), (DataSource::AllUsers, 250));
        assert_eq!(rows, FirstRows::Complete);
        assert_eq!(subscribe("\"a\"").err(), Some(SubscribeError::Exists));
        let (second, _) = subscribe("\"b\"").unwrap();
        assert_eq!(
            subscribe("\"a\"").err(),
            Some(SubscribeError::Exists),
            "a duplicate at the limit must be refused as a duplicate"
        );
        assert_eq!(subscribe("\"c\"").err(), Some(SubscribeError::TooMany));

        let mut rows_left = 250;
        assert!(first.read(&realm, 1, &mut rows_left));
        assert_eq!((rows_left, frames(&outbox).len()), (250, 0), "sent before the release");
        outbox.release(first.id());
        let sent = frames(&outbox);
        assert!(sent.len() == 1 && sent[0].contains("\"ROWS_COUNT\":1"), "{sent:?}");
        assert!(sent[0].starts_with("{\"MESSAGE_TYPE\":\"QUERY_UPDATE\",\"SOURCE_REF\":\"a\""));

        first.cancel();
        assert!(hub.find(&outbox, "\"a\"").is_none());
        assert_eq!(hub.find(&outbox, "\"b\"").map(|found| found.id()), Some(second.id()));
        first.request_update();
        assert!(first.read(&realm, 1, &mut rows_left) && frames(&outbox).is_empty());
        let (again, _) = subscribe("\"a\"").expect("SOURCE_REF or permit was not freed");
        assert!(again.id() > second.id() && outbox.subscriptions() == 2);
        assert!(hub.cancel(&outbox, "\"b\"") && !hub.cancel(&outbox, "\"b\""));
        again.cancel();
        assert_eq!(outbox.subscriptions(), 0);
    }

    #[test]
    fn a_cancelled_subscription_is_not_in_the_index() {
        let (realm, hub, outbox) = (realm(), SubscriptionHub::new(0), Outbox::new(1 << 20));
        let quota = SubscriptionQuota::default();
        let request = request(&realm, "\"a\"");
        let owner = request.owner;
        let (handle, _) = hub.subscribe(&realm, 1, &outbox, request, &quota, 2).unwrap();
        let index = handle.index;
        assert!(index.lock().is_subscribed(DataSource::AllUsers));
        assert_eq!(index.lock().of_owner(owner).len(), 1);
        handle.cancel();
        assert!(!index.lock().is_subscribed(DataSource::AllUsers));
        assert!(index.lock().of_owner(owner).is_empty());
    }
}
