//! Protection against losing the last full administrator.
//!
//! A full administrator holds all administration rights and can log in. A command that would leave
//! none is refused. Otherwise no user could restore the rights.

use std::collections::BTreeMap;

use crate::realm::key::Key;
use crate::realm::model::{
    AMEND_USER, ConfiguredName, ProfileNo, ProfileStatus, RightNo, User, UserNo, UserStatus,
};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Whether a full administrator remains after `changes`. Also true if there was none before.
    pub(in crate::realm) fn administrator_remains(&self, changes: &[Change]) -> bool {
        !changes.iter().any(|change| self.weakens(change))
            || After::new(self, changes).has_administrator()
            || !self.has_administrator()
    }

    /// Whether a full administrator exists now.
    pub fn has_administrator(&self) -> bool {
        After::new(self, &[]).has_administrator()
    }

    /// Whether the status and the kind of this user allow a login with the configured
    /// authentication types.
    fn can_log_in(&self, user: &User) -> bool {
        if self.is_first_edition() {
            return user.status == UserStatus::Enabled;
        }
        let is_configured = if user.directory {
            self.policy.directory_logins
        } else {
            let name = || ConfiguredName::LocalUser(user.name.clone());
            let is_local = self.policy.local_logins || self.configured.contains_key(&name());
            is_local && user.credential.is_some()
        };
        Self::rights_apply(user.status) && is_configured
    }

    /// Returns the rights that an administrator must hold; `None` if one of them does not exist.
    pub(super) fn required_of_administrators(&self) -> Option<Vec<RightNo>> {
        let number = |code: &str| self.right_codes.get(code).copied();
        if self.is_first_edition() {
            return Some(vec![number(AMEND_USER)?]);
        }
        self.administration().iter().map(|(code, _)| number(code)).collect()
    }

    /// Whether a change can take a right or the ability to log in from a user.
    fn weakens(&self, change: &Change) -> bool {
        match change {
            Change::Put(Row::User(user)) => {
                let could = self.user(user.no).is_some_and(|old| self.can_log_in(old));
                could && !self.can_log_in(user)
            }
            Change::Put(row) => row_weakens(row),
            Change::Delete(key) => deletion_weakens(key),
        }
    }
}

// This function and the next one list every variant, so that a new row type must be classified.
fn row_weakens(row: &Row) -> bool {
    match row {
        Row::Profile(profile) => profile.status == ProfileStatus::Disabled,
        Row::User(_) => true,
        Row::Right(_) | Row::Member(..) | Row::Grant(..) | Row::Direct(..) => false,
        Row::Policy(_) | Row::Counters(_) | Row::Session(_) | Row::RotatedToken(..) => false,
        Row::Attempts(..) | Row::Seen(..) | Row::History(..) | Row::OneTime(..) => false,
        Row::TokenLifetimes(_) | Row::PepperCheck(_) | Row::SecondFactor(..) => false,
        Row::PendingLogin(..) | Row::ActiveCode(_) | Row::SelfReset(..) | Row::Mail(_) => false,
        Row::ConfiguredName(..) | Row::Places(..) => false,
    }
}

fn deletion_weakens(key: &Key) -> bool {
    match key {
        Key::Right(_) | Key::Profile(_) | Key::User(_) => true,
        Key::Member(..) | Key::Grant(..) | Key::Direct(..) => true,
        Key::Policy | Key::Counters | Key::Session(_) | Key::RotatedToken(_) => false,
        Key::Attempts(_) | Key::Seen(_) | Key::History(_) | Key::OneTime(_) => false,
        Key::TokenLifetimes | Key::PepperCheck | Key::SecondFactor(_) => false,
        Key::PendingLogin(_) | Key::ActiveCode(_) | Key::SelfReset(_) | Key::Mail(_) => false,
        Key::ConfiguredName(_) | Key::Places(_) => false,
    }
}

/// The realm after some changes, limited to what decides whether an administrator remains. The
/// changes are indexed once, because a command can make many changes.
struct After<'a> {
    /// The realm before the changes.
    realm: &'a Realm,
    /// Changed users; `None` if deleted.
    users: BTreeMap<UserNo, Option<&'a User>>,
    /// Changed profiles, and whether each is enabled; false if deleted.
    enabled: BTreeMap<ProfileNo, bool>,
    /// Changed rights of profiles, and whether the profile grants the right afterwards.
    grants: BTreeMap<(ProfileNo, RightNo), bool>,
    /// Changed direct rights, and whether the user holds the right afterwards.
    direct: BTreeMap<(RightNo, UserNo), bool>,
    /// Changed memberships, and whether the user is in the profile afterwards.
    members: BTreeMap<(ProfileNo, UserNo), bool>,
    /// The profiles of the users in `members`.
    profiles: BTreeMap<UserNo, Vec<ProfileNo>>,
}

impl<'a> After<'a> {
    fn new(realm: &'a Realm, changes: &'a [Change]) -> Self {
        let mut after = Self {
            realm,
            users: BTreeMap::new(),
            enabled: BTreeMap::new(),
            grants: BTreeMap::new(),
            direct: BTreeMap::new(),
            members: BTreeMap::new(),
            profiles: BTreeMap::new(),
        };
        changes.iter().for_each(|change| after.apply(change));
        after
    }

    fn apply(&mut self, change: &'a Change) {
        let put = matches!(change, Change::Put(_));
        match change {
            Change::Put(Row::User(it)) => drop(self.users.insert(it.no, Some(it))),
            Change::Delete(Key::User(no)) => drop(self.users.insert(*no, None)),
            Change::Put(Row::Profile(it)) => {
                self.enabled.insert(it.no, it.status == ProfileStatus::Enabled);
            }
            Change::Delete(Key::Profile(no)) => drop(self.enabled.insert(*no, false)),
            Change::Put(Row::Grant(profile, right))
            | Change::Delete(Key::Grant(profile, right)) => {
                self.grants.insert((*profile, *right), put);
            }
            Change::Put(Row::Direct(user, right)) | Change::Delete(Key::Direct(user, right)) => {
                self.direct.insert((*right, *user), put);
            }
            Change::Put(Row::Member(profile, user))
            | Change::Delete(Key::Member(profile, user)) => {
                self.members.insert((*profile, *user), put);
                self.profiles.entry(*user).or_default().push(*profile);
            }
            _ => {}
        }
    }

    /// Whether a user who can log in holds all required rights.
    fn has_administrator(&self) -> bool {
        let Some(required) = self.realm.required_of_administrators() else { return false };
        let Some((first, others)) = required.split_first() else { return false };
        let is_administrator = |user: UserNo| {
            self.user(user).is_some_and(|it| self.realm.can_log_in(it))
                && others.iter().all(|right| self.holds(user, *right))
        };
        let range = (*first, UserNo::MIN)..=(*first, UserNo::MAX);
        let held = self.realm.holders.range(range.clone()).map(|(_, user)| *user);
        let held = held.filter(|user| self.direct.get(&(*first, *user)) != Some(&false));
        let gained = self.direct.range(range).filter(|(_, holds)| **holds);
        let gained = gained.map(|((_, user), _)| *user);
        let profiles = self.realm.profiles.keys().chain(self.enabled.keys());
        held.chain(gained).any(is_administrator)
            || profiles
                .filter(|no| self.gives(**no, *first))
                .any(|no| self.members_of(*no).any(is_administrator))
    }

    fn user(&self, no: UserNo) -> Option<&User> {
        self.users.get(&no).copied().unwrap_or_else(|| self.realm.user(no))
    }

    fn holds(&self, user: UserNo, right: RightNo) -> bool {
        let direct = || self.realm.direct.contains(&(user, right));
        let changed = self.profiles.get(&user).into_iter().flatten().copied();
        self.direct.get(&(right, user)).copied().unwrap_or_else(direct)
            || self
                .realm
                .profiles_of(user)
                .chain(changed)
                .any(|profile| self.is_member(profile, user) && self.gives(profile, right))
    }

    fn is_member(&self, profile: ProfileNo, user: UserNo) -> bool {
        let now = || self.realm.is_member(profile, user);
        self.members.get(&(profile, user)).copied().unwrap_or_else(now)
    }

    /// Whether a profile is enabled and grants a right.
    fn gives(&self, no: ProfileNo, right: RightNo) -> bool {
        let now = || self.realm.profile(no).is_some_and(|it| it.status == ProfileStatus::Enabled);
        let enabled = self.enabled.get(&no).copied().unwrap_or_else(now);
        let granted = || self.realm.is_granted(no, right);
        enabled && self.grants.get(&(no, right)).copied().unwrap_or_else(granted)
    }

    fn members_of(&self, no: ProfileNo) -> impl Iterator<Item = UserNo> {
        let range = (no, UserNo::MIN)..=(no, UserNo::MAX);
        let gained = self.members.range(range).filter(|(_, is)| **is).map(|((_, user), _)| *user);
        let stays = move |user: &UserNo| self.members.get(&(no, *user)) != Some(&false);
        self.realm.members_of(no).filter(stays).chain(gained)
    }
}
