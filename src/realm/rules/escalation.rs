//! Protection against privilege escalation and against losing the last administrator.
//!
//! Users can grant only rights that they hold, and amend only users whose rights they hold, unless
//! they hold all administration rights. A command that would leave no enabled user with AMEND_USER
//! is refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::realm::model::{
    ADMINISTRATION, AMEND_USER, Actor, Millis, ProfileNo, ProfileStatus, RightNo, UserNo,
    UserStatus,
};
use crate::realm::outcome::Refusal;
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Checks that the actor is a live session whose user holds `right`; the operator needs no
    /// right. The router or the handler made the same check before the command was submitted. The
    /// check is repeated here because the right may have been revoked in between.
    pub(super) fn permit(&self, at: Millis, actor: &Actor, right: &str) -> Result<(), Refusal> {
        let Actor::Session(no) = actor else { return Ok(()) };
        let session = self.sessions.get(no).filter(|session| session.is_live(at, &self.policy));
        let session = session.ok_or(Refusal::NoSession)?;
        if self.holds_code(session.user, right) {
            Ok(())
        } else {
            Err(Refusal::NotAuthorised(right.to_owned()))
        }
    }

    /// Like [`Realm::permit`], but users need no right for an action on their own account.
    pub(super) fn permit_or_self(
        &self,
        at: Millis,
        actor: &Actor,
        right: &str,
        user: UserNo,
    ) -> Result<(), Refusal> {
        let Actor::Session(no) = actor else { return Ok(()) };
        let session = self.sessions.get(no).filter(|session| session.is_live(at, &self.policy));
        match session {
            Some(session) if session.user == user => Ok(()),
            _ => self.permit(at, actor, right),
        }
    }

    /// Checks that `actor` may grant all of these rights.
    pub(super) fn may_grant(
        &self,
        actor: &Actor,
        rights: &BTreeSet<RightNo>,
    ) -> Result<(), Refusal> {
        match self.missing_right(actor, rights)? {
            Some(code) => Err(Refusal::CannotGrantRight(code)),
            None => Ok(()),
        }
    }

    /// Checks that `actor` may amend, disable, reset or delete this user: `actor` must hold every
    /// right that the user holds or would hold when enabled. Users may always amend themselves, and
    /// holders of all administration rights may amend every user.
    pub(super) fn may_amend(&self, actor: &Actor, user: UserNo) -> Result<(), Refusal> {
        let is_own = |no| self.sessions.get(no).is_some_and(|it| it.user == user);
        if matches!(actor, Actor::Session(no) if is_own(no)) {
            return Ok(());
        }
        match self.missing_right(actor, &self.potential(user))? {
            Some(code) => Err(Refusal::TargetHasHigherRights(code)),
            None => Ok(()),
        }
    }

    /// Returns the code of the first of these rights that `actor` lacks; `None` if the actor holds
    /// all of them, holds all administration rights, or is the operator.
    fn missing_right(
        &self,
        actor: &Actor,
        rights: &BTreeSet<RightNo>,
    ) -> Result<Option<String>, Refusal> {
        let Actor::Session(no) = actor else { return Ok(None) };
        let user = self.sessions.get(no).map(|session| session.user).ok_or(Refusal::NoSession)?;
        let held = self.effective(user);
        let Some(beyond) = rights.iter().find(|right| !held.contains(right)) else {
            return Ok(None);
        };
        let holds_all = ADMINISTRATION
            .iter()
            .all(|(code, _)| self.right_codes.get(*code).is_some_and(|right| held.contains(right)));
        let code = || {
            let right = self.rights.get(beyond);
            right.map_or_else(|| format!("right {}", beyond.0), |right| right.code.to_string())
        };
        Ok((!holds_all).then(code))
    }

    /// Whether an enabled user with AMEND_USER remains after `changes`. Also true if no enabled
    /// user had AMEND_USER before the changes.
    pub(super) fn administrator_remains(&self, changes: &[Change]) -> bool {
        let Some(amend) = self.right_codes.get(AMEND_USER).copied() else { return true };
        if !changes.iter().any(weakens) {
            return true;
        }
        After::new(self, amend, changes).has_administrator()
            || !After::new(self, amend, &[]).has_administrator()
    }

    /// Whether an enabled user with AMEND_USER exists now.
    pub fn has_administrator(&self) -> bool {
        let amend = self.right_codes.get(AMEND_USER).copied();
        amend.is_some_and(|amend| After::new(self, amend, &[]).has_administrator())
    }
}

/// Whether a change can remove a right from a user.
fn weakens(change: &Change) -> bool {
    match change {
        Change::Put(row) => row_weakens(row),
        Change::Delete(key) => deletion_weakens(key),
    }
}

// This function and the next one list every variant, so that a new row type must be classified.
fn row_weakens(row: &Row) -> bool {
    match row {
        Row::Profile(profile) => profile.status == ProfileStatus::Disabled,
        Row::User(user) => user.status != UserStatus::Enabled,
        Row::Right(_) | Row::Member(..) | Row::Grant(..) | Row::Direct(..) => false,
        Row::Policy(_) | Row::Counters(_) | Row::Session(_) | Row::RotatedToken(..) => false,
        Row::Attempts(..) | Row::Seen(..) | Row::History(..) | Row::OneTime(..) => false,
        Row::TokenLifetimes(_) | Row::PepperCheck(_) | Row::SecondFactor(..) => false,
        Row::PendingLogin(..) | Row::ActiveCode(_) | Row::SelfReset(..) | Row::Mail(_) => false,
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
    }
}

/// The realm after some changes, limited to what decides whether an administrator remains. The
/// changes are indexed once, because a command can make many changes.
struct After<'a> {
    /// The realm before the changes.
    realm: &'a Realm,
    /// The right AMEND_USER.
    amend: RightNo,
    /// Changed users and their status; `None` if deleted.
    users: BTreeMap<UserNo, Option<UserStatus>>,
    /// Changed profiles, and whether each is enabled; false if deleted.
    enabled: BTreeMap<ProfileNo, bool>,
    /// Profiles whose grant of AMEND_USER changes, and whether they grant it afterwards.
    gives: BTreeMap<ProfileNo, bool>,
    /// Users whose direct AMEND_USER right changes, and whether they hold it afterwards.
    direct: BTreeMap<UserNo, bool>,
    /// Changed memberships, and whether the user is in the profile afterwards.
    members: BTreeMap<(ProfileNo, UserNo), bool>,
}

impl<'a> After<'a> {
    fn new(realm: &'a Realm, amend: RightNo, changes: &[Change]) -> Self {
        let mut after = Self {
            realm,
            amend,
            users: BTreeMap::new(),
            enabled: BTreeMap::new(),
            gives: BTreeMap::new(),
            direct: BTreeMap::new(),
            members: BTreeMap::new(),
        };
        changes.iter().for_each(|change| after.apply(change));
        after
    }

    fn apply(&mut self, change: &Change) {
        let put = matches!(change, Change::Put(_));
        match change {
            Change::Put(Row::User(it)) => drop(self.users.insert(it.no, Some(it.status))),
            Change::Delete(Key::User(no)) => drop(self.users.insert(*no, None)),
            Change::Put(Row::Profile(it)) => {
                self.enabled.insert(it.no, it.status == ProfileStatus::Enabled);
            }
            Change::Delete(Key::Profile(no)) => drop(self.enabled.insert(*no, false)),
            Change::Put(Row::Grant(profile, right))
            | Change::Delete(Key::Grant(profile, right))
                if *right == self.amend =>
            {
                self.gives.insert(*profile, put);
            }
            Change::Put(Row::Direct(user, right)) | Change::Delete(Key::Direct(user, right))
                if *right == self.amend =>
            {
                self.direct.insert(*user, put);
            }
            Change::Put(Row::Member(profile, user))
            | Change::Delete(Key::Member(profile, user)) => {
                self.members.insert((*profile, *user), put);
            }
            _ => {}
        }
    }

    fn has_administrator(&self) -> bool {
        let range = (self.amend, UserNo::MIN)..=(self.amend, UserNo::MAX);
        let held = self.realm.holders.range(range).map(|(_, user)| *user);
        let held = held.filter(|user| self.direct.get(user) != Some(&false));
        let gained = self.direct.iter().filter(|(_, holds)| **holds).map(|(user, _)| *user);
        let profiles = self.realm.profiles.keys().chain(self.enabled.keys());
        held.chain(gained).any(|user| self.is_enabled(user))
            || profiles.filter(|no| self.profile_gives(**no)).any(|no| self.has_member(*no))
    }

    fn profile_gives(&self, no: ProfileNo) -> bool {
        let now = || self.realm.profiles.get(&no).map(|it| it.status == ProfileStatus::Enabled);
        let enabled = self.enabled.get(&no).copied().or_else(now).unwrap_or_default();
        let gives = || self.realm.grants.contains(&(no, self.amend));
        enabled && self.gives.get(&no).copied().unwrap_or_else(gives)
    }

    fn has_member(&self, no: ProfileNo) -> bool {
        let stays = |user: &UserNo| self.members.get(&(no, *user)) != Some(&false);
        let range = (no, UserNo::MIN)..=(no, UserNo::MAX);
        let gained = self.members.range(range).filter(|(_, is)| **is).map(|((_, user), _)| *user);
        self.realm.members_of(no).filter(stays).chain(gained).any(|user| self.is_enabled(user))
    }

    fn is_enabled(&self, user: UserNo) -> bool {
        let now = || self.realm.user(user).map(|user| user.status);
        self.users.get(&user).copied().unwrap_or_else(now) == Some(UserStatus::Enabled)
    }
}
