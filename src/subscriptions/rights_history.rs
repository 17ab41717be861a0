//! The history of recent changes of rights, from which subscriptions are resumed.
//!
//! A client that reconnects with the version of its rights gets the difference instead of all rows,
//! if the history reaches back to this version.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::realm::{
    Change, Key, ProfileNo, ProfileStatus, Realm, RightNo, Row, UserNo, UserStatus,
};
use crate::storage::Seq;

/// Maximum number of changes that are kept.
const CHANGES_MAX: usize = 100_000;

/// The inverse of a change of rights: the state before the change. The flag states whether the
/// relation existed in this state.
#[derive(Debug, Clone, Copy)]
enum Inverse {
    Member(ProfileNo, UserNo, bool),
    Grant(ProfileNo, RightNo, bool),
    Direct(UserNo, RightNo, bool),
    /// Whether the profile was enabled before the change.
    Profile(ProfileNo, bool),
    /// Whether the status of the user allowed any rights before the change.
    User(UserNo, bool),
}

/// The changes of rights since this process started, at most the newest [`CHANGES_MAX`], newest
/// last. A version is the sequence number of a commit.
#[derive(Debug)]
pub(super) struct RightsHistory {
    /// The oldest version to which the changes reach back.
    floor: Seq,
    changes: VecDeque<(Seq, Inverse)>,
}

impl RightsHistory {
    pub(super) fn new(floor: Seq) -> Self {
        Self { floor, changes: VecDeque::new() }
    }

    /// Records the changes of rights of a commit; `before` is the realm before the commit.
    pub(super) fn record(&mut self, seq: Seq, before: &Realm, changes: &[Change]) {
        for change in changes {
            if let Some(inverse) = inverse_of(before, change) {
                self.changes.push_back((seq, inverse));
            }
        }
        while self.changes.len() > CHANGES_MAX {
            if let Some((seq, _)) = self.changes.pop_front() {
                self.floor = self.floor.max(seq);
            }
        }
    }

    /// Returns the rights that `user` had at `version`; `None` if `version` is older than the kept
    /// changes.
    pub(super) fn effective_at(
        &self,
        realm: &Realm,
        user: UserNo,
        version: Seq,
    ) -> Option<BTreeSet<RightNo>> {
        if version < self.floor {
            return None;
        }
        let mut past = PastState::current(realm, user);
        let newer = self.changes.iter().rev().take_while(|(seq, _)| *seq > version);
        newer.for_each(|(_, inverse)| past.apply_inverse(realm, user, *inverse));
        Some(past.effective())
    }
}

fn inverse_of(before: &Realm, change: &Change) -> Option<Inverse> {
    Some(match change {
        Change::Put(Row::Member(profile, user)) => Inverse::Member(*profile, *user, false),
        Change::Delete(Key::Member(profile, user)) => Inverse::Member(*profile, *user, true),
        Change::Put(Row::Grant(profile, right)) => Inverse::Grant(*profile, *right, false),
        Change::Delete(Key::Grant(profile, right)) => Inverse::Grant(*profile, *right, true),
        Change::Put(Row::Direct(user, right)) => Inverse::Direct(*user, *right, false),
        Change::Delete(Key::Direct(user, right)) => Inverse::Direct(*user, *right, true),
        Change::Put(Row::Profile(profile)) => {
            let was_enabled = is_profile_enabled(before, profile.no);
            let is_enabled = profile.status == ProfileStatus::Enabled;
            (was_enabled != is_enabled).then_some(Inverse::Profile(profile.no, was_enabled))?
        }
        Change::Delete(Key::Profile(no)) => Inverse::Profile(*no, is_profile_enabled(before, *no)),
        Change::Put(Row::User(user)) => {
            let was_active = is_user_active(before, user.no);
            let is_active = is_active_status(user.status);
            (was_active != is_active).then_some(Inverse::User(user.no, was_active))?
        }
        Change::Delete(Key::User(no)) => Inverse::User(*no, is_user_active(before, *no)),
        _ => return None,
    })
}

fn is_profile_enabled(realm: &Realm, profile: ProfileNo) -> bool {
    realm.profile(profile).is_some_and(|profile| profile.status == ProfileStatus::Enabled)
}

fn is_user_active(realm: &Realm, user: UserNo) -> bool {
    realm.user(user).is_some_and(|user| is_active_status(user.status))
}

/// Whether this status of a user allows any rights.
fn is_active_status(status: UserStatus) -> bool {
    matches!(status, UserStatus::Enabled | UserStatus::PasswordExpired)
}

/// The state that decides the rights of one user, at a time in the past. Inverses move it back in
/// time, change by change.
struct PastState {
    /// Whether the status of the user allows any rights.
    is_active: bool,
    direct: BTreeSet<RightNo>,
    member: BTreeSet<ProfileNo>,
    /// For each profile of the user, and for each profile that changed after that time: whether it
    /// was enabled, and its grants.
    profiles: BTreeMap<ProfileNo, (bool, BTreeSet<RightNo>)>,
}

impl PastState {
    fn current(realm: &Realm, user: UserNo) -> Self {
        let mut past = Self {
            is_active: is_user_active(realm, user),
            direct: realm.direct_of(user).collect(),
            member: realm.profiles_of(user).collect(),
            profiles: BTreeMap::new(),
        };
        for profile in past.member.clone() {
            past.profile(realm, profile);
        }
        past
    }

    fn profile(&mut self, realm: &Realm, no: ProfileNo) -> &mut (bool, BTreeSet<RightNo>) {
        let now = || (is_profile_enabled(realm, no), realm.grants_of(no).collect());
        self.profiles.entry(no).or_insert_with(now)
    }

    fn apply_inverse(&mut self, realm: &Realm, me: UserNo, inverse: Inverse) {
        match inverse {
            Inverse::Member(profile, user, was) if user == me => {
                set(&mut self.member, profile, was);
            }
            Inverse::Grant(profile, right, was) => {
                set(&mut self.profile(realm, profile).1, right, was)
            }
            Inverse::Direct(user, right, was) if user == me => set(&mut self.direct, right, was),
            Inverse::Profile(profile, was_enabled) => self.profile(realm, profile).0 = was_enabled,
            Inverse::User(user, was_active) if user == me => self.is_active = was_active,
            _ => {}
        }
        if let Inverse::Member(profile, user, true) = inverse
            && user == me
        {
            // The user was a member before this change, so the state of the profile before this
            // change is needed. Later changes of the profile are undone already, because changes of
            // all profiles are undone. A profile that is not in the map yet has not changed since,
            // so its present state is right.
            self.profile(realm, profile);
        }
    }

    fn effective(&self) -> BTreeSet<RightNo> {
        if !self.is_active {
            return BTreeSet::new();
        }
        let granted = self.member.iter().filter_map(|profile| self.profiles.get(profile));
        let granted = granted
            .filter(|(was_enabled, _)| *was_enabled)
            .flat_map(|(_, rights)| rights.iter().copied());
        self.direct.iter().copied().chain(granted).collect()
    }
}

fn set<T: Ord>(set: &mut BTreeSet<T>, item: T, present: bool) {
    if present {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}
