//! Rows of USER_RIGHTS: one for each right that a user holds.

use std::collections::BTreeSet;

use super::super::shown;
use super::super::source::right_ref;
use super::super::touched::{Touched, Turned, Visit};
use super::super::wish::Cursor;
use super::Subscription;
use crate::log::Seq;
use crate::realm::users::User;
use crate::realm::{Realm, RightNo, UserNo};

/// Users that one commit is compared for, in one subscription.
const LOOKS_MAX: usize = 10_000;

impl Subscription {
    /// Looks at rights of one user after a commit: at these, or at all of them. False when the
    /// view does not reach this user.
    pub(in crate::feed) fn look_rights(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        rights: Option<&[Turned]>,
    ) -> bool {
        let (first, last) = (right_ref(user, RightNo::MIN), right_ref(user, RightNo::MAX));
        if let Some(rights) = rights {
            let who = realm.user(user);
            rights.iter().for_each(|turned| self.look_right(realm, seq, user, who, *turned));
        } else {
            let mut rows = self.view_between(first, last);
            rows.extend(realm.effective(user).into_iter().map(|right| right_ref(user, right)));
            rows.sort_unstable();
            rows.dedup();
            rows.into_iter().for_each(|row| self.look(realm, seq, row, None));
        }
        // Rows of the view may lie beyond the cursor after it went back.
        self.cursor.covers(first) || self.view.last().is_some_and(|held| *held >= first)
    }

    /// Looks at one right of a user, the row of which is either there or not.
    fn look_right(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        who: Option<&User>,
        Turned { right, is_given }: Turned,
    ) {
        self.version = self.version.max(seq);
        let holds = |who: &&User| match is_given {
            true => Realm::rights_count(who.status),
            false => realm.is_held_by(who, right),
        };
        let is_shown = self.open || user == self.wish.owner;
        let held = who.filter(|_| is_shown).filter(holds).zip(realm.right(right));
        let row = right_ref(user, right);
        if held.is_some() != self.view.binary_search(&row).is_ok() {
            let data = held.map(|(who, right)| shown::user_right(who, right));
            let data = data.filter(|data| self.wants(data));
            self.see(row, data, None);
        }
    }

    /// Looks at rights of many users after a commit, at one right or at all of them, and at as many
    /// users as one step may; the others' rows are read by whoever asks for more.
    pub(in crate::feed) fn look_many(
        &mut self,
        realm: &Realm,
        seq: Seq,
        touched: &Touched,
        only: Option<RightNo>,
    ) {
        let mut left = LOOKS_MAX;
        let only = only.map(|right| Turned { right, is_given: false });
        let only = only.as_slice();
        let done = touched.in_order(realm, |user, rights| {
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
                _ if self.look_rights(realm, seq, user, rights) => Visit::Next,
                // The view does not reach this user, nor those after it.
                _ => Visit::Skip,
            }
        });
        if !done {
            for row in self.view.clone() {
                self.look(realm, seq, row, None);
            }
            self.cursor = Cursor::Start;
            self.owed = true;
        }
    }

    /// The client comes back: it has what the user had then and gets what is different now.
    pub(in crate::feed) fn resume(
        &mut self,
        realm: &Realm,
        seq: Seq,
        user: UserNo,
        then: &BTreeSet<RightNo>,
    ) {
        self.view = then.iter().map(|right| right_ref(user, *right)).collect();
        let criteria = self.wish.criteria.clone();
        if let (Some(criteria), Some(name)) = (criteria, realm.user(user)) {
            self.view.retain(|row| {
                let right = realm.right(RightNo((*row & u64::from(u32::MAX)) as u32));
                let data = right.map(|right| shown::user_right(name, right));
                data.is_none_or(|data| criteria.matches(|column| data.field(column).value()))
            });
        }
        self.cursor = Cursor::End;
        self.look_rights(realm, seq, user, None);
    }
}
