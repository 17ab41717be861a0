//! The scope of a subscription: what its owner may see, and its index keys.

use std::collections::BTreeSet;

use protocol::UserName;

use super::view::Subscription;
use crate::realm::Realm;
use crate::storage::Seq;
use crate::subscriptions::data_source::DataSource;
use crate::subscriptions::filter_key::FilterKey;
use crate::subscriptions::request::SubscriptionRequest;
use crate::subscriptions::source_record::Viewer;
use crate::subscriptions::source_set::SourceSet;

/// A change of the index keys of a subscription.
#[derive(Debug)]
pub struct KeyChange {
    pub(in crate::subscriptions) from: Vec<FilterKey>,
    pub(in crate::subscriptions) to: Vec<FilterKey>,
}

impl Subscription {
    /// Whether the subscription may change when its owner gains or loses certain rights. `sources`
    /// are the sources whose visible rows and columns depend on those rights.
    pub(in crate::subscriptions) fn depends_on(&self, sources: SourceSet) -> bool {
        sources.contains(self.request.source) || self.own_records_only()
    }

    /// Resolves the scope after a commit. If the visible rows or columns may differ, queues the
    /// difference. Returns the former and the new index keys if they differ.
    pub(in crate::subscriptions) fn refresh_scope(
        &mut self,
        realm: &Realm,
        seq: Seq,
    ) -> Option<KeyChange> {
        let (saw_all, was_unmasked, from) = (self.sees_all, self.unmasked, self.keys());
        let to = self.resolve_scope(realm);
        if saw_all != self.sees_all || self.own_records_only() {
            self.advance_version(seq);
            self.recompute(realm);
        }
        if was_unmasked != self.unmasked {
            self.remask(realm);
        }
        (from != to).then_some(KeyChange { from, to })
    }

    /// Whether the owner may read with the current scope. False if the scope shows all rows, but
    /// the owner has lost the right to see them by a commit that is not published yet.
    pub(in crate::subscriptions) fn may_read(&self, realm: &Realm) -> bool {
        let SubscriptionRequest { source, owner, .. } = self.request;
        !self.sees_all || Viewer::new(realm, source, owner).sees_all
    }

    /// Whether the subscription shows only profiles or rights that the owner has.
    fn own_records_only(&self) -> bool {
        !self.sees_all
            && matches!(self.request.source, DataSource::AllProfiles | DataSource::AllRights)
    }

    /// Determines what the owner may see now. If the rights of the owner or the filter limit the
    /// subscription to the rows of certain users, determines these users. Returns the index keys of
    /// the subscription.
    pub(super) fn resolve_scope(&mut self, realm: &Realm) -> Vec<FilterKey> {
        let SubscriptionRequest { source, owner, .. } = self.request;
        self.sees_all = Viewer::new(realm, source, owner).sees_all;
        self.unmasked = source.unmask_right().is_none_or(|right| realm.holds_code(owner, right));
        let criteria = self.request.criteria.as_ref();
        let pinned = |column| criteria.and_then(|criteria| criteria.pinned(column));
        (self.user_keys, self.value_keys, self.needs_filter) =
            (None, Vec::new(), criteria.is_some());
        if let Some(column) = source.user_column() {
            match pinned(column) {
                Some(names) => {
                    let user = |name: &str| realm.user_by_name(&UserName::parse(name).ok()?);
                    let users = names.iter().filter_map(|name| Some(user(name)?.no));
                    self.user_keys = Some(users.collect::<BTreeSet<_>>().into_iter().collect());
                    self.needs_filter = !criteria.is_some_and(|criteria| criteria.is_pin(column));
                    let unknown_names = names.iter().filter(|name| user(name).is_none());
                    self.value_keys = unknown_names.map(|name| name.as_str().into()).collect();
                }
                None => self.user_keys = (!self.sees_all).then(|| [owner].into()),
            }
        }
        if self.user_keys.is_none() {
            let values = source.key_columns().iter().find_map(|column| pinned(*column));
            self.value_keys = values.into_iter().flatten().map(Into::into).collect();
        }
        self.keys()
    }

    /// Returns the index keys of the subscription. Without keys, the subscription is checked for
    /// every row of its source.
    pub(in crate::subscriptions) fn keys(&self) -> Vec<FilterKey> {
        let users =
            self.user_keys.iter().flat_map(|users| users.iter().map(|user| FilterKey::User(*user)));
        users.chain(self.value_keys.iter().cloned().map(FilterKey::Value)).collect()
    }
}
