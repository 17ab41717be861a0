//! The users whose rights a commit may change, worked out once for each commit.

use std::collections::{BTreeMap, BTreeSet};

use super::before::RowsBefore;
use super::data_source::DataSource;
use super::index::SubscriptionRef;
use super::right_change::RightChange;
use super::source_set::SourceSet;
use crate::realm::{Change, Key, ProfileNo, ProfileStatus, Realm, RightNo, Row, UserNo};

/// The users whose rights a commit may change.
#[derive(Debug)]
pub(super) struct AffectedRights {
    /// Users all of whose rights may differ.
    users: BTreeSet<UserNo>,
    /// Profiles by number: some rights of their members may differ.
    profiles: BTreeMap<ProfileNo, ProfileRights>,
    has_records: bool,
}

/// The rights of a profile's members that may differ.
#[derive(Debug)]
pub(super) struct ProfileRights {
    /// These rights; `None`: all of the profile's rights.
    pub(super) rights: Option<Vec<RightChange>>,
    /// The sources of which these rights decide what is shown.
    pub(super) sources: SourceSet,
}

impl AffectedRights {
    pub(super) fn collect(realm: &Realm, changes: &[Change], before: &RowsBefore) -> Self {
        let mut profiles = changed_grants(realm, changes);
        for profile in &before.toggled {
            profiles.insert(*profile, ProfileRights { rights: None, sources: SourceSet::ALL });
        }
        Self { users: before.users.clone(), profiles, has_records: !before.rows.is_empty() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.profiles.is_empty() && !self.has_records
    }

    /// The users all of whose rights may differ.
    pub(super) fn users(&self) -> impl Iterator<Item = UserNo> {
        self.users.iter().copied()
    }

    /// Whether rows of this right may differ.
    pub(super) fn includes(&self, right: RightNo) -> bool {
        let is_among = |profile: &ProfileRights| {
            let rights = profile.rights.as_ref();
            rights.is_none_or(|rights| rights.iter().any(|it| it.right == right))
        };
        !self.users.is_empty() || self.profiles.values().any(is_among)
    }

    /// Visits the subscriptions of the members of those profiles that are relevant; not of the
    /// users all of whose rights may differ. `by_user`: the subscriptions in the order of users.
    pub(super) fn for_each_member<'a, 't>(
        &'t self,
        realm: &Realm,
        is_relevant: impl Fn(&ProfileRights) -> bool,
        by_user: impl Iterator<Item = (UserNo, &'a [SubscriptionRef])>,
        mut visit: impl FnMut(UserNo, &SubscriptionRef, &'t ProfileRights),
    ) {
        let relevant = self.profiles.iter().filter(|(_, rights)| is_relevant(rights));
        let mut profiles: Vec<_> =
            relevant.map(|(profile, rights)| (realm.membership(*profile), rights)).collect();
        if profiles.is_empty() {
            return;
        }
        for (user, subscriptions) in by_user.filter(|(user, _)| !self.users.contains(user)) {
            for (members, rights) in &mut profiles {
                if members.has(user) {
                    subscriptions.iter().for_each(|it| visit(user, it, rights));
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
            && self.profiles.iter().all(|(profile, changed)| {
                walk(&mut realm.members_of(*profile), changed.rights.as_deref())
            })
    }
}

/// The grants that a commit changed, by profile, with what they mean for its members.
fn changed_grants(realm: &Realm, changes: &[Change]) -> BTreeMap<ProfileNo, ProfileRights> {
    let mut grants: BTreeMap<ProfileNo, BTreeSet<RightNo>> = BTreeMap::new();
    for change in changes {
        if let Change::Put(Row::Grant(profile, right))
        | Change::Delete(Key::Grant(profile, right)) = change
        {
            grants.entry(*profile).or_default().insert(*right);
        }
    }
    // A profile that gives nothing, before and after, changes no user's rights.
    grants.retain(|profile, _| {
        realm.profile(*profile).is_some_and(|it| it.status == ProfileStatus::Enabled)
    });
    if grants.is_empty() {
        return BTreeMap::new();
    }
    let deciding = deciding_rights(realm);
    let changed = grants.into_iter().map(|(profile, rights)| {
        let decided = deciding.iter().filter(|(_, right)| rights.contains(right));
        let sources = decided.map(|(source, _)| *source).collect();
        let count = rights.len();
        let change = |right| RightChange::for_profile(realm, profile, right, count);
        let rights = Some(rights.into_iter().map(change).collect());
        (profile, ProfileRights { rights, sources })
    });
    changed.collect()
}

/// The rights that decide what the sources show.
fn deciding_rights(realm: &Realm) -> Vec<(DataSource, RightNo)> {
    let of_source = |(_, source): &(&str, DataSource)| {
        let source = *source;
        let codes = source.view_right().into_iter().chain(source.unmask_right());
        codes.filter_map(move |code| Some((source, realm.right_by_code(code)?.no)))
    };
    DataSource::NAMES.iter().flat_map(of_source).collect()
}

/// How a walk over users goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// The next user.
    Next,
    /// The next list of users.
    Skip,
    /// Nothing more.
    Stop,
}
