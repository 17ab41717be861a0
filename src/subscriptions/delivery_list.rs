//! The outboxes that a commit concerns, in order.

use std::sync::Arc;

use super::index::SubscriptionRef;
use super::outbox::Outbox;
use super::right_change::RightChange;
use super::subscription::Subscription;
use super::subscription_map::SubscriptionMap;
use crate::realm::{Realm, UserNo};
use crate::storage::Seq;

/// An outbox in which rows wait now, or of which a subscription is yet to be checked for rows.
pub(super) struct PendingDelivery<'t> {
    pub(super) outbox: Arc<Outbox>,
    rights_check: Option<RightsCheck<'t>>,
}

/// These rights of a user (`None`: all of them) may differ for a subscription.
struct RightsCheck<'t> {
    id: u64,
    user: UserNo,
    rights: Option<&'t [RightChange]>,
}

impl PendingDelivery<'_> {
    /// Checks the rights where that is yet to be done; `realm` is the realm after the commit. An
    /// update that need not wait is appended to `out`, if there is one.
    pub(super) fn check_rights(
        &self,
        subscriptions: &mut SubscriptionMap,
        realm: &Realm,
        seq: Seq,
        out: Option<&mut Vec<u8>>,
    ) {
        // The user is looked up in here: threads that deliver share this work.
        if let Some(RightsCheck { id, user, rights }) = &self.rights_check
            && let Some(subscription) = subscriptions.get_mut(*id)
        {
            subscription.check_rights(realm, seq, *user, *rights, out);
        }
    }
}

/// All deliveries of a commit.
#[derive(Default)]
pub(super) struct DeliveryList<'t>(Vec<PendingDelivery<'t>>);

impl<'t> DeliveryList<'t> {
    /// Works on a subscription and adds its outbox if rows wait.
    pub(super) fn add_if_due(
        &mut self,
        subscription: &SubscriptionRef,
        work: impl FnOnce(&mut Subscription),
    ) {
        if subscription.outbox.with_subscription_no_wake(subscription.id, work) {
            let outbox = subscription.outbox.clone();
            self.0.push(PendingDelivery { outbox, rights_check: None });
        }
    }

    /// Adds a subscription that is checked when it is delivered.
    pub(super) fn add_rights_check(
        &mut self,
        subscription: &SubscriptionRef,
        user: UserNo,
        rights: Option<&'t [RightChange]>,
    ) {
        let last = self.0.last_mut().and_then(|delivery| delivery.rights_check.as_mut());
        match last.filter(|last| (last.id, last.user) == (subscription.id, user)) {
            // Two profiles of the user differ: one update reports both.
            Some(last) => last.rights = None,
            None => {
                let rights_check = Some(RightsCheck { id: subscription.id, user, rights });
                let outbox = subscription.outbox.clone();
                self.0.push(PendingDelivery { outbox, rights_check });
            }
        }
    }

    /// The deliveries, in order.
    pub(super) fn into_deliveries(self) -> Vec<PendingDelivery<'t>> {
        self.0
    }
}
