//! Rights: granted to users directly or through profiles; effective rights are computed.

use std::collections::BTreeSet;

use protocol::RightCode;

use crate::realm::command::{RightAmendment, RightSpec};
use crate::realm::key::Key;
use crate::realm::model::{
    Actor, Millis, Profile, ProfileNo, ProfileStatus, Right, RightNo, User, UserNo, UserStatus,
    is_administration,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of profiles that [`Realm::may_be_held`] searches.
const PROFILES_SCANNED_MAX: usize = 1_024;

impl Realm {
    /// Returns the right with this number.
    pub fn right(&self, no: RightNo) -> Option<&Right> {
        self.rights.get(&no)
    }

    /// Returns the right with this code.
    pub fn right_by_code(&self, code: &str) -> Option<&Right> {
        self.rights.get(self.right_codes.get(code)?)
    }

    /// Returns all rights with a number above `after`, in ascending order.
    pub fn rights_after(&self, after: Option<RightNo>) -> impl Iterator<Item = &Right> {
        let from = RightNo(after.map_or(0, |no| no.0.saturating_add(1)));
        self.rights.range(from..).map(|(_, right)| right)
    }

    /// Whether a user with this status has effective rights. A status that ends sessions also
    /// suspends the rights.
    pub fn rights_apply(status: UserStatus) -> bool {
        matches!(status, UserStatus::Enabled | UserStatus::PasswordExpired)
    }

    /// Whether the user holds the right now, directly or through an enabled profile.
    pub fn holds(&self, user: UserNo, right: RightNo) -> bool {
        self.user(user).is_some_and(|user| self.is_held_by(user, right))
    }

    /// Like [`Realm::holds`], for a user record.
    pub fn is_held_by(&self, user: &User, right: RightNo) -> bool {
        Self::rights_apply(user.status) && self.has_enabled(user, right)
    }

    /// Whether a user has the right directly, or an enabled profile grants it. Also true if the
    /// realm has too many profiles to search.
    pub fn may_be_held(&self, right: RightNo) -> bool {
        let gives = |profile: &Profile| {
            profile.status == ProfileStatus::Enabled && self.is_granted(profile.no, right)
        };
        self.holders.range((right, UserNo::MIN)..=(right, UserNo::MAX)).next().is_some()
            || self.profiles.len() > PROFILES_SCANNED_MAX
            || self.profiles.values().any(gives)
    }

    /// Whether any user has the right with this code, directly or through a profile, whatever the
    /// status of user and profile.
    pub fn has_holder(&self, code: &str) -> bool {
        let Some(right) = self.right_codes.get(code).copied() else { return false };
        let has_members = |no: &ProfileNo| self.members_of(*no).next().is_some();
        let mut profiles = self.profiles.keys().filter(|no| self.is_granted(**no, right));
        self.holders.range((right, UserNo::MIN)..=(right, UserNo::MAX)).next().is_some()
            || profiles.any(has_members)
    }

    /// Whether the profile has the right. A disabled profile keeps its rights, but does not give
    /// them to its users.
    pub fn is_granted(&self, profile: ProfileNo, right: RightNo) -> bool {
        self.grants.contains(&(profile, right))
    }

    /// Whether the user holds the right with this code.
    pub fn holds_code(&self, user: UserNo, code: &str) -> bool {
        self.right_codes.get(code).is_some_and(|right| self.holds(user, *right))
    }

    /// Returns the effective rights of a user: the direct rights and the rights of the user's
    /// enabled profiles. Empty if the user's status suspends rights.
    pub fn effective(&self, user: UserNo) -> BTreeSet<RightNo> {
        self.user(user).map_or_else(BTreeSet::new, |user| self.rights_held_by(user))
    }

    /// Like [`Realm::effective`], for a user record.
    pub fn rights_held_by(&self, user: &User) -> BTreeSet<RightNo> {
        if !Self::rights_apply(user.status) {
            return BTreeSet::new();
        }
        let granted = self.enabled_profiles_of(user.no).flat_map(|profile| self.grants_of(profile));
        self.direct_of(user.no).chain(granted).collect()
    }

    /// Returns the rights that a user has directly or through a profile, whatever the status of
    /// user and profile.
    pub fn potential(&self, user: UserNo) -> BTreeSet<RightNo> {
        let granted = self.profiles_of(user).flat_map(|profile| self.grants_of(profile));
        self.direct_of(user).chain(granted).collect()
    }

    /// Whether the user has the right directly or through an enabled profile, whatever the status
    /// of the user.
    pub(super) fn has_enabled(&self, user: &User, right: RightNo) -> bool {
        let is_granted = |profile| self.is_granted(profile, right);
        self.direct.contains(&(user.no, right)) || self.enabled_profiles_of(user.no).any(is_granted)
    }

    /// Returns the rights that are granted to the user directly.
    pub fn direct_of(&self, user: UserNo) -> impl Iterator<Item = RightNo> {
        self.direct.range((user, RightNo::MIN)..=(user, RightNo::MAX)).map(|(_, right)| *right)
    }

    /// Returns the rights of a profile, enabled or not.
    pub fn grants_of(&self, profile: ProfileNo) -> impl Iterator<Item = RightNo> {
        self.grants
            .range((profile, RightNo::MIN)..=(profile, RightNo::MAX))
            .map(|(_, right)| *right)
    }

    fn enabled_profiles_of(&self, user: UserNo) -> impl Iterator<Item = ProfileNo> {
        self.profiles_of(user).filter(|no| {
            self.profiles.get(no).is_some_and(|profile| profile.status == ProfileStatus::Enabled)
        })
    }

    pub(in crate::realm) fn insert_right(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &RightSpec,
    ) -> Applied {
        if let Err(refusal) = self.permit(at, actor, "INSERT_RIGHT") {
            return Applied::refused(refusal);
        }
        if self.right_codes.contains_key(spec.code.as_str()) {
            return Applied::refused(Refusal::Duplicate("CODE", spec.code.to_string()));
        }
        let mut counters = self.counters.clone();
        let (no, location) = match spec.id.as_deref().map(RightNo::parse) {
            None => {
                // Skips ids that clients chose.
                while self.rights.contains_key(&RightNo(counters.rights + 1)) {
                    counters.rights += 1;
                }
                counters.rights += 1;
                (RightNo(counters.rights), self.policy.location)
            }
            Some(None) => return Applied::refused(Refusal::InvalidId("ID")),
            Some(Some((no, location))) if !self.rights.contains_key(&no) => (no, location),
            Some(Some((no, location))) => {
                return Applied::refused(Refusal::Duplicate("ID", no.id(location)));
            }
        };
        let right = Right {
            no,
            location,
            code: spec.code.clone(),
            description: spec.description.clone(),
            guarded: spec.guarded,
        };
        let outcome = Outcome::Right { id: no.id(location) };
        Applied::done(
            outcome,
            vec![Change::Put(Row::Counters(counters)), Change::Put(Row::Right(right))],
        )
    }

    /// Changes the description of a right, and whether the right is guarded. Only who may grant
    /// the right may change whether it is guarded.
    pub(in crate::realm) fn amend_right(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &RightAmendment,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "AMEND_RIGHT")?;
            let old = self.find_right(&spec.code)?;
            let mut right = old.clone();
            right.description = spec.description.clone().unwrap_or(right.description);
            right.guarded = spec.guarded.unwrap_or(right.guarded);
            if right.guarded != old.guarded && !self.holds_right(actor, old.no) {
                self.authority(actor)?.is_unlimited()?;
            }
            let outcome = Outcome::Right { id: right.no.id(right.location) };
            let changes = (right != *old).then_some(Change::Put(Row::Right(right)));
            Ok(Applied::done(outcome, changes.into_iter().collect()))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    fn holds_right(&self, actor: &Actor, right: RightNo) -> bool {
        let Actor::Session(no) = actor else { return true };
        self.session(*no).is_some_and(|session| self.holds(session.user, right))
    }

    fn find_right(&self, code: &RightCode) -> Result<&Right, Refusal> {
        let right = self.right_by_code(code.as_str());
        right.ok_or_else(|| Refusal::NotFound("RIGHT", code.to_string()))
    }

    /// Deletes a right. Refused if a user or a profile has it, or if the gateway requires it.
    pub(in crate::realm) fn delete_right(
        &self,
        at: Millis,
        actor: &Actor,
        code: &RightCode,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "DELETE_RIGHT")?;
            let right = self.find_right(code)?;
            if !self.is_first_edition() && is_administration(code.as_str()) {
                return Err(Refusal::RequiredRight(code.to_string()));
            }
            let range = (right.no, UserNo::MIN)..=(right.no, UserNo::MAX);
            let holder = self.holders.range(range).find_map(|(_, user)| self.user(*user));
            if let Some(user) = holder {
                return Err(Refusal::HasDependents("USER", user.name.to_string()));
            }
            let gives = |profile: &&Profile| self.is_granted(profile.no, right.no);
            if let Some(profile) = self.profiles.values().find(gives) {
                return Err(Refusal::HasDependents("PROFILE", profile.name.to_string()));
            }
            let outcome = Outcome::Right { id: right.no.id(right.location) };
            Ok(Applied::done(outcome, vec![Change::Delete(Key::Right(right.no))]))
        };
        plan().unwrap_or_else(Applied::refused)
    }
}
