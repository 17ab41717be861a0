//! What a subscription has of its rows when it begins.

use parking_lot::Mutex;

use super::view::Subscription;
use crate::realm::{Realm, UserNo};
use crate::storage::Seq;
use crate::subscriptions::data_source::DataSource;
use crate::subscriptions::rights_history::RightsHistory;

/// What a new subscription has of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRows {
    /// What changed since the version that the client has.
    Resumed,
    /// All rows that were asked for.
    Complete,
    /// The rows of one step; so many more are to be read.
    Partial(usize),
    /// Nothing: the rows are not the realm's.
    External,
}

impl Subscription {
    /// Resumes the subscription if it can, else reads the first step of its rows. Called once,
    /// before any commit is published to it.
    pub(in crate::subscriptions) fn read_first_rows(
        &mut self,
        realm: &Realm,
        seq: Seq,
        history: &Mutex<RightsHistory>,
    ) -> FirstRows {
        if matches!(self.request.source, DataSource::Services | DataSource::AuditEvents) {
            return FirstRows::External;
        }
        let version = self.request.resume_from;
        if version.is_some_and(|version| self.resume_from(realm, seq, version, &history.lock())) {
            return FirstRows::Resumed;
        }
        let mut rows_left = self.request.rows_max;
        if self.read_step(realm, &mut rows_left) {
            FirstRows::Complete
        } else {
            FirstRows::Partial(rows_left)
        }
    }

    /// Gives a subscription to one user's rights only what changed since `version`. False when that
    /// is not known any more.
    fn resume_from(
        &mut self,
        realm: &Realm,
        seq: Seq,
        version: Seq,
        history: &RightsHistory,
    ) -> bool {
        let Some(&[user]) = self.user_keys() else { return false };
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

    /// Whether the owner saw the rights of a user then, as now.
    fn saw_rights_of(
        &self,
        user: UserNo,
        realm: &Realm,
        version: Seq,
        history: &RightsHistory,
    ) -> bool {
        let owner = self.request.owner;
        let saw_all = || {
            let right = realm.right_by_code("VIEW_USERS").map(|right| right.no);
            let then = history.effective_at(realm, owner, version);
            right.zip(then).is_some_and(|(right, then)| then.contains(&right))
        };
        user == owner || (self.sees_all && saw_all())
    }
}
