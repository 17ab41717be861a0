//! The users whose rights a commit may change, determined once for each commit.

use std::collections::{BTreeMap, BTreeSet};

use super::before::RowsBefore;
use super::data_source::DataSource;
use super::index::SubscriptionRef;
use super::right_change::RightChange;
use super::source_set::SourceSet;
use crate::realm::{Change, Key, ProfileNo, ProfileStatus, Realm, RightNo, Row, UserNo};

/// The users whose rights a commit may change, and whether it may change records.
#[derive(Debug)]
pub(super) struct AffectedRights {
    /// Users who may have gained or lost any right.
    users: BTreeSet<UserNo>,
    /// Profiles whose members may have gained or lost certain rights.
    profiles: BTreeMap<ProfileNo, ProfileRights>,
    /// Whether rows of `before::RECORD_SOURCES` (the data sources with one row for each record)
    /// may have changed, too. Sources without subscriptions do not count.
    has_records: bool,
}

/// The rights that members of a profile may have gained or lost.
#[derive(Debug)]
pub(super) struct ProfileRights {
    /// The rights; `None` if any right may have changed, because the profile was enabled or
    /// disabled.
    pub(super) rights: Option<Vec<RightChange>>,
    /// The sources whose visible rows and columns depend on these rights.
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

    /// Returns the users who may have gained or lost any right.
    pub(super) fn users(&self) -> impl Iterator<Item = UserNo> {
        self.users.iter().copied()
    }

    /// Whether any user may have gained or lost this right.
    pub(super) fn includes(&self, right: RightNo) -> bool {
        let is_among = |profile: &ProfileRights| {
            let rights = profile.rights.as_ref();
            rights.is_none_or(|rights| rights.iter().any(|it| it.right == right))
        };
        !self.users.is_empty() || self.profiles.values().any(is_among)
    }

    /// Calls `visit` with the subscriptions of the members of the relevant profiles. Members who
    /// are in `users` are skipped, because all their rights are checked anyway. `by_user` are the
    /// subscriptions by user, in ascending order, as `Realm::membership` requires.
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

    /// Calls `visit` with each affected user and the rights that the user may have gained or lost
    /// (`None`: any right): first the users in `users`, then the members of each profile. Each of
    /// these lists is in ascending order; a user can be in several. Returns false if `visit`
    /// stopped the walk.
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

/// Returns, for each profile, the rights that a commit granted to it or revoked from it.
fn changed_grants(realm: &Realm, changes: &[Change]) -> BTreeMap<ProfileNo, ProfileRights> {
    let mut grants: BTreeMap<ProfileNo, BTreeSet<RightNo>> = BTreeMap::new();
    for change in changes {
        if let Change::Put(Row::Grant(profile, right))
        | Change::Delete(Key::Grant(profile, right)) = change
        {
            grants.entry(*profile).or_default().insert(*right);
        }
    }
    // The grants of a disabled profile change no rights of its members. A profile that the commit
    // itself enables or disables is in `toggled`.
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

/// Returns, for each source, the rights to see all of its rows and its masked columns.
fn deciding_rights(realm: &Realm) -> Vec<(DataSource, RightNo)> {
    let of_source = |(_, source): &(&str, DataSource)| {
        let source = *source;
        let codes = source.view_right().into_iter().chain(source.unmask_right());
        codes.filter_map(move |code| Some((source, realm.right_by_code(code)?.no)))
    };
    DataSource::NAMES.iter().flat_map(of_source).collect()
}

/// How a walk over users continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// With the next user.
    Next,
    /// With the next list of users: the members of the next profile.
    Skip,
    /// Not at all.
    Stop,
}
