//! The resumption of a USER_RIGHTS subscription at the version that its client has.

use std::collections::BTreeSet;

use super::view::Subscription;
use crate::realm::{Realm, RightNo, UserNo};
use crate::storage::Seq;
use crate::subscriptions::columns;
use crate::subscriptions::data_source::DataSource;
use crate::subscriptions::request::ReadPosition;
use crate::subscriptions::rights_history::RightsHistory;
use crate::subscriptions::source_record::right_ref;

impl Subscription {
    /// Begins the subscription with the changes since `version`. Returns false, and changes
    /// nothing, if
    ///
    /// * the subscription does not show the rights of exactly one user,
    /// * this gateway has not reached that version,
    /// * the owner did not see these rights at that version, or does not see them now,
    /// * the history does not reach back to that version, or
    /// * the rights at that version exceed the maximum of one update or of the view.
    pub(super) fn resume_from(
        &mut self,
        realm: &Realm,
        seq: Seq,
        version: Seq,
        history: &RightsHistory,
    ) -> bool {
        let Some(&[user]) = self.user_keys.as_deref() else { return false };
        if self.request.source != DataSource::UserRights
            || version > seq
            || !self.saw_rights_of(user, realm, version, history)
        {
            return false;
        }
        let rows_max = self.request.rows_max.min(self.request.view_max);
        match history.effective_at(realm, user, version) {
            Some(then) if then.len() <= rows_max => {
                self.resume(realm, seq, user, &then);
                true
            }
            _ => false,
        }
    }

    /// Whether the owner saw the rights of a user at `version` and sees them now.
    fn saw_rights_of(
        &self,
        user: UserNo,
        realm: &Realm,
        version: Seq,
        history: &RightsHistory,
    ) -> bool {
        let owner = self.request.owner;
        let saw_all = || {
            let view_right = self.request.source.view_right()?;
            let right = realm.right_by_code(view_right)?.no;
            Some(history.effective_at(realm, owner, version)?.contains(&right))
        };
        user == owner || (self.sees_all && saw_all() == Some(true))
    }

    /// Sets the view to the rows of `then`, the rights that the user had at the earlier version,
    /// and queues the difference to the rights now.
    fn resume(&mut self, realm: &Realm, seq: Seq, user: UserNo, then: &BTreeSet<RightNo>) {
        // If the user or the right was deleted, the row cannot be matched against the filter. The
        // row counts as part of the view, so that a DELETE is sent. A client that never had the row
        // ignores the DELETE.
        let client_has = |right: &&RightNo| {
            let found = realm.user(user).zip(realm.right(**right));
            found.is_none_or(|(user, right)| {
                self.matches_filter(&columns::user_right_row(user, right))
            })
        };
        self.view = then.iter().filter(client_has).map(|no| right_ref(user, *no)).collect();
        self.read_position = ReadPosition::End;
        self.check_rights(realm, seq, user, None, None);
    }
}
