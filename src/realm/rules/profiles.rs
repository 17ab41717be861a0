//! Profiles: named sets of rights, and the users who are in them.
//!
//! A request contains the wanted state of the profile.

use std::collections::BTreeSet;
use std::collections::btree_set::Range;
use std::iter::Peekable;

use protocol::ProfileName;

use super::list_diff::ListDiff;
use crate::realm::command::ProfileSpec;
use crate::realm::key::Key;
use crate::realm::model::{
    Actor, FIRST_BOOTSTRAP_NO, Location, Millis, Profile, ProfileNo, ProfileStatus, RightNo, UserNo,
};
use crate::realm::outcome::{Applied, ChangedLists, Outcome, Refusal};
use crate::realm::row::{Change, Counters, Row};
use crate::realm::state::Realm;

/// A membership check in one profile for many users in ascending order. Between two checks, a few
/// members are stepped over one by one. If there are too many to step over, the set is searched
/// instead.
pub struct Membership<'a> {
    realm: &'a Realm,
    profile: ProfileNo,
    members: Peekable<Range<'a, (ProfileNo, UserNo)>>,
}

/// Maximum number of members to step over before a search in the set.
const STEPS_MAX: usize = 16;

impl Membership<'_> {
    /// Whether this user is in the profile. Must be called for users in ascending order.
    pub fn has(&mut self, user: UserNo) -> bool {
        let mut left = STEPS_MAX;
        while self.members.next_if(|(_, member)| *member < user).is_some() {
            left -= 1;
            if left == 0 {
                let remaining = (self.profile, user)..=(self.profile, UserNo::MAX);
                self.members = self.realm.members.range(remaining).peekable();
                break;
            }
        }
        self.members.peek().is_some_and(|(_, member)| *member == user)
    }
}

impl Realm {
    /// Returns the profile with this number.
    pub fn profile(&self, no: ProfileNo) -> Option<&Profile> {
        self.profiles.get(&no)
    }

    /// Returns all profiles with a number above `after`, in ascending order.
    pub fn profiles_after(&self, after: Option<ProfileNo>) -> impl Iterator<Item = &Profile> {
        let from = ProfileNo(after.map_or(0, |no| no.0.saturating_add(1)));
        self.profiles.range(from..).map(|(_, profile)| profile)
    }

    /// Returns the users in a profile.
    pub fn members_of(&self, profile: ProfileNo) -> impl Iterator<Item = UserNo> {
        let range = (profile, UserNo::MIN)..=(profile, UserNo::MAX);
        self.members.range(range).map(|(_, user)| *user)
    }

    /// Whether the user is in the profile.
    pub fn is_member(&self, profile: ProfileNo, user: UserNo) -> bool {
        self.members.contains(&(profile, user))
    }

    /// Returns a membership check in one profile for many users in ascending order.
    pub fn membership(&self, profile: ProfileNo) -> Membership<'_> {
        let members = self.members.range((profile, UserNo::MIN)..=(profile, UserNo::MAX));
        Membership { realm: self, profile, members: members.peekable() }
    }

    pub(in crate::realm) fn insert_profile(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &ProfileSpec,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "INSERT_PROFILE")?;
            let name = spec.name.clone().ok_or(Refusal::NotFound("NAME", String::new()))?;
            if self.profile_names.contains_key(&name) {
                return Err(Refusal::Duplicate("NAME", name.to_string()));
            }
            self.may_name(actor, &name)?;
            let (counters, no, location) = self.profile_no(spec.id.as_deref())?;
            let profile = Profile {
                no,
                location,
                name,
                description: spec.description.clone().unwrap_or_default(),
                status: spec.status.unwrap_or(ProfileStatus::Enabled),
                version: 1,
            };
            let changes = vec![Change::Put(Row::Counters(counters))];
            self.shape(at, actor, None, profile, spec, changes)
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Returns the number of a new profile: the number in the chosen id, or the next free number.
    /// Refuses a chosen id whose number is `FIRST_BOOTSTRAP_NO` or above: after an upgrade of
    /// tollgate, the bootstrap grants new administration rights to the profile with such a number.
    fn profile_no(&self, id: Option<&str>) -> Result<(Counters, ProfileNo, Location), Refusal> {
        let mut counters = self.counters.clone();
        let Some(id) = id else {
            while self.profiles.contains_key(&ProfileNo(counters.profiles + 1)) {
                counters.profiles += 1;
            }
            counters.profiles += 1;
            let no = ProfileNo(counters.profiles);
            return Ok((counters, no, self.policy.location));
        };
        let chosen = ProfileNo::parse(id).filter(|(no, _)| no.0 < FIRST_BOOTSTRAP_NO);
        let (no, location) = chosen.ok_or(Refusal::InvalidId("ID"))?;
        if self.profiles.contains_key(&no) {
            Err(Refusal::Duplicate("ID", no.id(location)))
        } else {
            Ok((counters, no, location))
        }
    }

    pub(in crate::realm) fn amend_profile(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &ProfileSpec,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "AMEND_PROFILE")?;
            let old = self.find_profile(spec)?;
            let mut profile = old.clone();
            if let Some(name) = spec.name.clone() {
                let other = self.profile_names.get(&name).is_some_and(|no| *no != old.no);
                if other {
                    return Err(Refusal::Duplicate("NAME", name.to_string()));
                }
                if name != old.name {
                    self.not_pinned(&old.name)?;
                    self.may_name(actor, &name)?;
                }
                profile.name = name;
            }
            if let Some(description) = spec.description.clone() {
                profile.description = description;
            }
            profile.status = spec.status.unwrap_or(profile.status);
            self.shape(at, actor, Some(old), profile, spec, Vec::new())
        };
        plan().unwrap_or_else(Applied::refused)
    }

    pub(in crate::realm) fn delete_profile(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &ProfileSpec,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "DELETE_PROFILE")?;
            let profile = self.find_profile(spec)?;
            if spec.id.is_some() && spec.name.as_ref().is_some_and(|name| *name != profile.name) {
                return Err(Refusal::IdNameMismatch("NAME"));
            }
            self.may_delete(at, actor, profile)?;
            let members = self.members_of(profile.no).map(|user| Key::Member(profile.no, user));
            let grants = self.grants_of(profile.no).map(|right| Key::Grant(profile.no, right));
            let mut changes: Vec<_> = members.chain(grants).map(Change::Delete).collect();
            changes.push(Change::Delete(Key::Profile(profile.no)));
            let done =
                ChangedLists { id: profile.id(), version: profile.version, ..Default::default() };
            Ok(Applied::done(Outcome::Profile(done), changes))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Checks that the actor may delete this profile, and take its users out of it.
    fn may_delete(&self, at: Millis, actor: &Actor, profile: &Profile) -> Result<(), Refusal> {
        if self.is_first_edition() {
            return Ok(());
        }
        self.not_pinned(&profile.name)?;
        let mut authority = self.authority(actor)?;
        authority.may_change_profile(profile.no)?;
        self.members_of(profile.no).try_for_each(|user| {
            self.may_remove_member(at, actor, &mut authority, (profile.no, user))
        })
    }

    /// Checks that the actor may give a profile this name. Only a full administrator may use a name
    /// that the configuration contains.
    fn may_name(&self, actor: &Actor, name: &ProfileName) -> Result<(), Refusal> {
        match self.pinned_by(name) {
            Some(_) => self.authority(actor)?.is_unlimited(),
            None => Ok(()),
        }
    }

    /// Returns the profile to amend or delete: by its id if the request contains one, or else by
    /// its name. Refused if RECORD_VERSION is present and not current.
    pub(in crate::realm) fn find_profile(&self, spec: &ProfileSpec) -> Result<&Profile, Refusal> {
        let profile = match (&spec.id, &spec.name) {
            (Some(id), _) => {
                let (no, location) = ProfileNo::parse(id).ok_or(Refusal::InvalidId("ID"))?;
                let found = self.profiles.get(&no).filter(|it| it.location == location);
                found.ok_or_else(|| Refusal::NotFound("PROFILE", id.clone()))?
            }
            (None, Some(name)) => self
                .profile_by_name(name)
                .ok_or_else(|| Refusal::NotFound("PROFILE", name.to_string()))?,
            (None, None) => return Err(Refusal::NotFound("PROFILE", String::new())),
        };
        match spec.record_version {
            Some(version) if version != profile.version => {
                Err(Refusal::VersionConflict(profile.version))
            }
            _ => Ok(profile),
        }
    }

    /// Checks that the actor may change a profile and its lists from `old` to this state.
    fn may_shape(
        &self,
        at: Millis,
        actor: &Actor,
        old: Option<&Profile>,
        profile: &Profile,
        (rights, users): (&ListDiff<RightNo>, &ListDiff<UserNo>),
    ) -> Result<(), Refusal> {
        let mut authority = self.authority(actor)?;
        let is_same = |old: &Profile| old.name == profile.name && old.status == profile.status;
        let changes = !rights.is_same() || old.is_some_and(|old| !is_same(old));
        if changes && !self.is_first_edition() {
            authority.may_change_profile(profile.no)?;
        }
        let enabling = old.is_some_and(|old| old.status != profile.status)
            && profile.status == ProfileStatus::Enabled;
        authority.may_grant(rights.added.iter().copied())?;
        if enabling || !users.added.is_empty() {
            let stays = |right: &RightNo| !rights.removed.contains(right);
            authority.may_grant(self.grants_of(profile.no).filter(stays))?;
        }
        for user in &users.removed {
            self.may_remove_member(at, actor, &mut authority, (profile.no, *user))?;
        }
        // A profile that demands a second factor changes what a login of its users requires.
        if !self.is_first_edition() && self.is_demanding_name(&profile.name) {
            users.added.iter().try_for_each(|user| authority.may_change_user(*user))?;
        }
        Ok(())
    }

    /// Changes a profile and its lists to the requested state.
    fn shape(
        &self,
        at: Millis,
        actor: &Actor,
        old: Option<&Profile>,
        mut profile: Profile,
        spec: &ProfileSpec,
        mut changes: Vec<Change>,
    ) -> Result<Applied, Refusal> {
        let clears = self.policy.absent_list_clears;
        let rights = spec.rights.as_ref().map(|list| self.find_rights(list)).transpose()?;
        let rights = rights.or_else(|| clears.then(BTreeSet::new));
        let users = spec.users.as_ref().map(|list| self.find_users(list)).transpose()?;
        let users = users.or_else(|| clears.then(BTreeSet::new));
        let rights = ListDiff::between(self.grants_of(profile.no), rights);
        let users = ListDiff::between(self.members_of(profile.no), users);
        self.may_shape(at, actor, old, &profile, (&rights, &users))?;

        let no = profile.no;
        let put = |row: Row| Change::Put(row);
        let lists_change = !rights.is_same() || !users.is_same();
        if old.is_none_or(|old| lists_change || *old != profile) {
            profile.version = old.map_or(1, |old| old.version + 1);
            changes.push(put(Row::Profile(profile.clone())));
        }
        changes.extend(rights.removed.iter().map(|right| Change::Delete(Key::Grant(no, *right))));
        changes.extend(users.removed.iter().map(|user| Change::Delete(Key::Member(no, *user))));
        changes.extend(rights.added.iter().map(|right| put(Row::Grant(no, *right))));
        changes.extend(users.added.iter().map(|user| put(Row::Member(no, *user))));
        let done = ChangedLists {
            id: profile.id(),
            version: profile.version,
            rights_added: self.codes(&rights.added),
            rights_removed: self.codes(&rights.removed),
            memberships_added: self.names(&users.added),
            memberships_removed: self.names(&users.removed),
        };
        Ok(Applied::done(Outcome::Profile(done), changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_check_agrees_with_is_member() {
        let mut realm = Realm::default();
        let members = (0..400).filter(|user| user % 3 == 0).map(UserNo);
        let rows = members.map(|user| Change::Put(Row::Member(ProfileNo(2), user)));
        realm.apply_changes(&rows.collect::<Vec<_>>());
        let others = [1, 3].map(|profile| Change::Put(Row::Member(ProfileNo(profile), UserNo(7))));
        realm.apply_changes(&others);
        for step in [1, 2, 16, 47, 100, 399] {
            let mut membership = realm.membership(ProfileNo(2));
            for user in (0..500).step_by(step).map(UserNo) {
                assert_eq!(membership.has(user), realm.is_member(ProfileNo(2), user), "{user:?}");
            }
        }
    }
}
