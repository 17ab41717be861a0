//! The deliveries of a commit, in the order of its publication.

use std::sync::Arc;

use super::index::SubscriptionRef;
use super::outbox::Outbox;
use super::right_change::RightChange;
use super::subscription::Subscription;
use super::subscription_map::SubscriptionMap;
use crate::realm::{Realm, UserNo};
use crate::storage::Seq;

/// An outbox with rows to send, or with a subscription whose rights must still be checked.
pub(super) struct PendingDelivery<'t> {
    pub(super) outbox: Arc<Outbox>,
    rights_check: Option<RightsCheck<'t>>,
}

/// A check that runs during the delivery: it compares `rights` of a user with a subscription.
/// `rights` is `None` if all rights are compared.
struct RightsCheck<'t> {
    id: u64,
    user: UserNo,
    rights: Option<&'t [RightChange]>,
}

impl PendingDelivery<'_> {
    /// Runs the rights check, if any; `realm` is the realm after the commit. An update that can be
    /// sent at once is appended to `out`, unless `out` is `None`.
    pub(super) fn check_rights(
        &self,
        subscriptions: &mut SubscriptionMap,
        realm: &Realm,
        seq: Seq,
        out: Option<&mut Vec<u8>>,
    ) {
        // Only `Subscription::check_rights` looks up the user, so that the delivering threads share
        // this work.
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
    /// Calls `work` with a subscription, and adds its outbox if its rows are due.
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

    /// Adds a rights check of a subscription. The check runs during the delivery.
    pub(super) fn add_rights_check(
        &mut self,
        subscription: &SubscriptionRef,
        user: UserNo,
        rights: Option<&'t [RightChange]>,
    ) {
        let last = self.0.last_mut().and_then(|delivery| delivery.rights_check.as_mut());
        match last.filter(|last| (last.id, last.user) == (subscription.id, user)) {
            // Two profiles of the user changed. One check of all rights replaces the two checks, so
            // that the client gets only one update.
            Some(last) => last.rights = None,
            None => {
                let rights_check = Some(RightsCheck { id: subscription.id, user, rights });
                let outbox = subscription.outbox.clone();
                self.0.push(PendingDelivery { outbox, rights_check });
            }
        }
    }

    /// Returns the deliveries in the order in which they were added.
    pub(super) fn into_deliveries(self) -> Vec<PendingDelivery<'t>> {
        self.0
    }
}
