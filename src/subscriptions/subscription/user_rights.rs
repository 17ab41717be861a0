//! Rows of USER_RIGHTS: one for each right that a user holds.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::view::Subscription;
use crate::realm::{Realm, RightNo, User, UserNo};
use crate::storage::Seq;
use crate::subscriptions::affected::{AffectedRights, Visit};
use crate::subscriptions::columns;
use crate::subscriptions::data_row::{RowChange, RowRef};
use crate::subscriptions::data_source::DataSource;
use crate::subscriptions::request::ReadPosition;
use crate::subscriptions::right_change::RightChange;
use crate::subscriptions::source_record::{right_ref, split_right_ref};

/// Maximum number of rows that an update writes directly, without queueing them.
const DIRECT_ROWS_MAX: usize = 8;
/// Maximum number of users that are checked for one subscription and commit.
const USERS_CHECKED_MAX: usize = 10_000;

/// A row to be inserted into the view or deleted from it: the ROW_REF, the right, and the user who
/// holds the right. The user is `None` if the row is deleted.
type ViewChange<'a> = (RowRef, &'a RightChange, Option<&'a User>);

impl Subscription {
    /// Compares `rights` of one user with the view after a commit; all rights if `rights` is
    /// `None`. An update that can be sent at once is appended to `out`, unless `out` is `None`;
    /// other rows are queued. Returns false if the rows of this user are after the last row of the
    /// view and after the read position.
    pub(in crate::subscriptions) fn check_rights(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        rights: Option<&[RightChange]>,
        out: Option<&mut Vec<u8>>,
    ) -> bool {
        self.advance_version(seq);
        let first = right_ref(user, RightNo::MIN);
        let visible_user = realm.user(user).filter(|_| self.sees_all || user == self.request.owner);
        if let Some(rights) = rights {
            let check = |change| {
                let holder = visible_user
                    .filter(|visible_user| RightChange::is_held_by(change, realm, visible_user));
                (right_ref(user, change.right), change, holder)
            };
            let differs = |(row, _, holder): &ViewChange<'_>| {
                holder.is_some() != self.view_index(*row).is_ok()
            };
            let changes: SmallVec<[_; DIRECT_ROWS_MAX]> =
                rights.iter().map(check).filter(differs).collect();
            match out.filter(|_| self.can_write_directly(changes.len())) {
                Some(out) => self.write_rows(&changes, out),
                None => changes.into_iter().for_each(|change| self.queue_row(realm, change)),
            }
        } else {
            self.check_all_rights(realm, user, visible_user);
        }
        // The read position may have moved back, so the view may have rows after this position.
        self.read_position.covers(first) || self.view.last().is_some_and(|held| *held >= first)
    }

    /// Compares all rights of one user with the view. `visible_user` is `None` if the user does not
    /// exist, or if the owner may not see the rows of the user.
    fn check_all_rights(&mut self, realm: &Realm, user: UserNo, visible_user: Option<&User>) {
        let held = visible_user.map_or_else(BTreeSet::new, |user| realm.rights_held_by(user));
        let mut rows =
            self.view_between(right_ref(user, RightNo::MIN), right_ref(user, RightNo::MAX));
        rows.extend(held.iter().map(|right| right_ref(user, *right)));
        rows.sort_unstable();
        rows.dedup();
        for row in rows {
            let right = split_right_ref(row).1;
            let holder = visible_user.filter(|_| held.contains(&right)).zip(realm.right(right));
            let data = holder.map(|(user, right)| columns::user_right_row(user, right));
            let data = data.filter(|data| self.matches_filter(data));
            self.diff_row(row, data, None);
        }
    }

    /// Whether this many changed rows can be written without queueing them: the LOGON_ACK is
    /// written, no other update is due before them, no filter must be applied, the source is read
    /// to its end, all columns are requested, and the rows fit into one update and into the view.
    fn can_write_directly(&self, rows: usize) -> bool {
        !self.awaiting_ack
            && !self.update_due
            && !self.needs_filter
            && self.pending.is_empty()
            && self.read_position == ReadPosition::End
            && self.request.columns == u64::MAX
            && rows <= self.request.rows_max.min(DIRECT_ROWS_MAX)
            && self.view.len() + rows <= self.request.view_max
    }

    /// Queues the insertion or deletion of a row.
    fn queue_row(&mut self, realm: &Realm, (row, change, holder): ViewChange<'_>) {
        let held = holder.zip(realm.right(change.right));
        let data = held.map(|(visible_user, right)| columns::user_right_row(visible_user, right));
        let data = data.filter(|data| self.matches_filter(data));
        self.diff_row(row, data, None);
    }

    /// Changes the view and appends the update with these rows, if there are any.
    fn write_rows(&mut self, changes: &[ViewChange<'_>], out: &mut Vec<u8>) {
        if changes.is_empty() {
            return;
        }
        self.write_header(out, changes.len(), true);
        for (at, &(row, change, holder)) in changes.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match (self.view_index(row), holder) {
                (Ok(at), _) => {
                    self.view.remove(at);
                    RowChange::Delete.write(out, DataSource::UserRights.columns(), row, u64::MAX);
                }
                (Err(at), holder) => {
                    self.view.insert(at, row);
                    let name = holder.map_or("", |holder| holder.name.as_str());
                    RowChange::write_insert(
                        out,
                        DataSource::UserRights.columns(),
                        row,
                        name,
                        &change.row_members,
                    );
                }
            }
        }
        out.extend_from_slice(b"]}");
    }

    /// Compares the rights of all affected users with the view after a commit: if `only` is given,
    /// that one right; otherwise all rights that may differ. Checks a bounded number of users; the
    /// rows of the other users are sent after MORE_ROWS.
    pub(in crate::subscriptions) fn check_rights_of_users(
        &mut self,
        realm: &Realm,
        seq: Seq,
        affected: &AffectedRights,
        only: Option<&RightChange>,
    ) {
        let mut left = USERS_CHECKED_MAX;
        let only = only.map_or(&[][..], std::slice::from_ref);
        let done = affected.for_each_user(realm, |user, rights| {
            let rights = match (rights, only) {
                (Some(rights), [only]) if !rights.iter().any(|it| it.right == only.right) => {
                    return Visit::Skip;
                }
                (_, [_]) => Some(only),
                (rights, _) => rights,
            };
            left -= 1;
            match left {
                0 => Visit::Stop,
                _ if self.check_rights(realm, seq, user, rights, None) => Visit::Next,
                // The view reaches neither this user nor the users after this user.
                _ => Visit::Skip,
            }
        });
        if !done {
            // Rows that may no longer be seen are deleted at once; rows that the view lacks are
            // sent after MORE_ROWS.
            self.check_view(realm);
            self.advance_version(seq);
            self.read_position = ReadPosition::Start;
            self.update_due = true;
        }
    }
}
