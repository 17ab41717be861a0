//! What a commit touches: the rows of records, and the users whose rights may differ.

use std::collections::{BTreeMap, BTreeSet};

use super::before::RowsBefore;
use super::index::SubscriptionRef;
use super::right_change::RightChange;
use crate::realm::{Change, Key, ProfileNo, ProfileStatus, Realm, RightNo, Row, UserNo};

/// Whose rights a commit touches. `None` beside a user: all of his may differ.
#[derive(Debug)]
pub(super) struct AffectedRights {
    users: BTreeSet<UserNo>,
    grants: BTreeMap<ProfileNo, Option<Vec<RightChange>>>,
    records: bool,
}

impl AffectedRights {
    pub(super) fn collect(realm: &Realm, changes: &[Change], before: &RowsBefore) -> Self {
        let mut grants: BTreeMap<ProfileNo, BTreeSet<RightNo>> = BTreeMap::new();
        for change in changes {
            if let Change::Put(Row::Grant(profile, right))
            | Change::Delete(Key::Grant(profile, right)) = change
            {
                grants.entry(*profile).or_default().insert(*right);
            }
        }
        // A profile that gives nothing, before and after, changes nobody's rights.
        grants.retain(|profile, _| {
            realm.profile(*profile).is_some_and(|it| it.status == ProfileStatus::Enabled)
        });
        let right_change = |(profile, rights): (ProfileNo, BTreeSet<RightNo>)| {
            let rights_count = rights.len();
            let right_change =
                |right| RightChange::for_profile(realm, profile, right, rights_count);
            (profile, Some(rights.into_iter().map(right_change).collect()))
        };
        let mut grants: BTreeMap<_, _> = grants.into_iter().map(right_change).collect();
        grants.extend(before.toggled.iter().map(|profile| (*profile, None)));
        Self { users: before.users.clone(), grants, records: !before.rows.is_empty() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.grants.is_empty() && !self.records
    }

    /// The users all of whose rights may differ.
    pub(super) fn users(&self) -> impl Iterator<Item = UserNo> {
        self.users.iter().copied()
    }

    /// Whether rows of this right may differ.
    pub(super) fn includes(&self, right: RightNo) -> bool {
        let given = |rights: &Option<Vec<RightChange>>| {
            rights.as_ref().is_none_or(|rights| rights.iter().any(|it| it.right == right))
        };
        !self.users.is_empty() || self.grants.values().any(given)
    }

    /// Visits the subscriptions of every user whose rights may differ, with the rights in question;
    /// of profiles, those whose rights matter. `subscribed`: all, in the order of their users.
    pub(super) fn for_each_subscription<'a, 't>(
        &'t self,
        realm: &Realm,
        can_affect: impl Fn(Option<&[RightChange]>) -> bool,
        subscribed: impl Iterator<Item = (UserNo, &'a [SubscriptionRef])>,
        subscriptions_of: impl Fn(UserNo) -> &'a [SubscriptionRef],
        mut visit: impl FnMut(UserNo, &SubscriptionRef, Option<&'t [RightChange]>),
    ) {
        for user in &self.users {
            subscriptions_of(*user)
                .iter()
                .for_each(|subscription| visit(*user, subscription, None));
        }
        let grants = self.grants.iter().map(|(profile, rights)| (*profile, rights.as_deref()));
        let grants = grants.filter(|(_, rights)| can_affect(*rights));
        let mut grants: Vec<_> =
            grants.map(|(profile, rights)| (realm.membership(profile), rights)).collect();
        if grants.is_empty() {
            return;
        }
        for (user, subscriptions) in subscribed.filter(|(user, _)| !self.users.contains(user)) {
            for (members, rights) in &mut grants {
                if members.has(user) {
                    subscriptions
                        .iter()
                        .for_each(|subscription| visit(user, subscription, *rights));
                }
            }
        }
    }

    /// Visits all affected users in the order of their numbers, a profile at a time. False if
    /// `visit` stopped it.
    pub(super) fn for_each_user(
        &self,
        realm: &Realm,
        mut visit: impl FnMut(UserNo, Option<&[RightChange]>) -> Visit,
    ) -> bool {
        let mut walk = |users: &mut dyn Iterator<Item = UserNo>, rights: Option<&[RightChange]>| {
            for user in users {
                match visit(user, rights) {
                    Visit::Next => {}
                    Visit::Skip => break,
                    Visit::Stop => return false,
                }
            }
            true
        };
        walk(&mut self.users.iter().copied(), None)
            && self
                .grants
                .iter()
                .all(|(profile, rights)| walk(&mut realm.members_of(*profile), rights.as_deref()))
    }
}

/// What a visitor wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// The next user.
    Next,
    /// The next list of users.
    Skip,
    /// Nothing more.
    Stop,
}
