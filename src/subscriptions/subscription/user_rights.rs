//! Rows of USER_RIGHTS: one for each right that a user holds.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::view::Subscription;
use crate::realm::{Realm, RightNo, User, UserNo};
use crate::storage::Seq;
use crate::subscriptions::affected::{AffectedRights, Visit};
use crate::subscriptions::columns;
use crate::subscriptions::data_row::{RowChange, RowRef};
use crate::subscriptions::data_source::{DataSource, right_ref};
use crate::subscriptions::request::ReadPosition;
use crate::subscriptions::right_change::RightChange;

/// Rows that are told at once.
const TOLD_MAX: usize = 8;
/// Users that one commit is compared for, in one subscription.
const LOOKS_MAX: usize = 10_000;

/// A row that the client does not have but should, or has but should not: the right, and the user
/// if he holds it.
type ViewChange<'a> = (RowRef, &'a RightChange, Option<&'a User>);

impl Subscription {
    /// Looks at rights of one user after a commit: at these, or at all of them. An update
    /// that need not wait is appended to `out`, if there is one. False when the view does not reach
    /// this user.
    pub(in crate::subscriptions) fn look_rights(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        rights: Option<&[RightChange]>,
        out: Option<&mut Vec<u8>>,
    ) -> bool {
        self.version = self.version.max(seq);
        let (first, last) = (right_ref(user, RightNo::MIN), right_ref(user, RightNo::MAX));
        let who = realm.user(user).filter(|_| self.sees_all || user == self.request.owner);
        if let Some(rights) = rights {
            let look = |turned| {
                let holder = who.filter(|who| RightChange::is_held_by(turned, realm, who));
                (right_ref(user, turned.right), turned, holder)
            };
            let is_new =
                |(row, _, holder): &ViewChange<'_>| holder.is_some() != self.place(*row).is_ok();
            let news: SmallVec<[_; TOLD_MAX]> = rights.iter().map(look).filter(is_new).collect();
            match out.filter(|_| self.is_plain(news.len())) {
                Some(out) => self.tell(&news, out),
                None => news.into_iter().for_each(|new| self.note(realm, new)),
            }
        } else {
            let mut rows = self.view_between(first, last);
            rows.extend(realm.effective(user).into_iter().map(|right| right_ref(user, right)));
            rows.sort_unstable();
            rows.dedup();
            rows.into_iter().for_each(|row| self.check_row(realm, seq, row, None));
        }
        // Rows of the view may lie beyond the cursor after it went back.
        self.cursor.covers(first) || self.view.last().is_some_and(|held| *held >= first)
    }

    /// Whether so many rows can be told as they are, at once: nothing waits before them, and all of
    /// them are wanted.
    fn is_plain(&self, rows: usize) -> bool {
        !self.awaiting_ack
            && !self.update_due
            && !self.filtered
            && self.pending.is_empty()
            && self.cursor == ReadPosition::End
            && self.request.columns == u64::MAX
            && rows <= self.request.rows_max.min(TOLD_MAX)
            && self.view.len() + rows <= self.request.view_max
    }

    /// Lets a row wait that is there now, or no longer.
    fn note(&mut self, realm: &Realm, (row, turned, holder): ViewChange<'_>) {
        let held = holder.zip(realm.right(turned.right));
        let data = held.map(|(who, right)| columns::user_right(who, right));
        let data = data.filter(|data| self.wants(data));
        self.diff_row(row, data, None);
    }

    /// Appends the update of these rows, if there are any.
    fn tell(&mut self, news: &[ViewChange<'_>], out: &mut Vec<u8>) {
        if news.is_empty() {
            return;
        }
        self.write_header(out, news.len(), true);
        for (at, &(row, turned, holder)) in news.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match (self.place(row), holder) {
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
                        &turned.text,
                    );
                }
            }
        }
        out.extend_from_slice(b"]}");
    }

    /// Looks at rights of many users after a commit, at one right or at all of them, and at as many
    /// users as one step may; the others' rows are read by whoever asks for more.
    pub(in crate::subscriptions) fn look_many(
        &mut self,
        realm: &Realm,
        seq: Seq,
        touched: &AffectedRights,
        only: Option<RightNo>,
    ) {
        let mut left = LOOKS_MAX;
        let only = only.map(|right| RightChange::asked(realm, right));
        let only = only.as_slice();
        let done = touched.for_each_user(realm, |user, rights| {
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
                _ if self.look_rights(realm, seq, user, rights, None) => Visit::Next,
                // The view does not reach this user, nor those after it.
                _ => Visit::Skip,
            }
        });
        if !done {
            for row in self.view.clone() {
                self.check_row(realm, seq, row, None);
            }
            self.cursor = ReadPosition::Start;
            self.update_due = true;
        }
    }

    /// The client comes back: it has what the user had then and gets what is different now.
    pub(in crate::subscriptions) fn resume(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        then: &BTreeSet<RightNo>,
    ) {
        self.view = then.iter().map(|right| right_ref(user, *right)).collect();
        let criteria = self.request.criteria.clone();
        if let (Some(criteria), Some(name)) = (criteria, realm.user(user)) {
            self.view.retain(|row| {
                let right = realm.right(RightNo((*row & u64::from(u32::MAX)) as u32));
                let data = right.map(|right| columns::user_right(name, right));
                data.is_none_or(|data| criteria.matches(|column| data.field(column).value()))
            });
        }
        self.cursor = ReadPosition::End;
        self.look_rights(realm, seq, user, None, None);
    }
}
