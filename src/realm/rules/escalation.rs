//! The two rules that keep power where it is: nobody grants what he does not hold, and somebody
//! who can amend users always remains. Both look at the state after the command.

use std::collections::{BTreeMap, BTreeSet};

use crate::realm::model::{
    ADMINISTRATION, AMEND_USER, Actor, Millis, ProfileNo, ProfileStatus, RightNo, UserNo,
    UserStatus,
};
use crate::realm::outcome::Refusal;
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Whether `by` still is a live session whose user holds `right`: checked again at commit, so
    /// that a right that was taken away meanwhile is refused.
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

    /// As [`Realm::permit`]; whoever asks for himself needs no right.
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

    /// Whether `actor` may give all of these rights to others.
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

    /// Whether `actor` may amend, disable, reset or delete this user: one who holds a right that
    /// `actor` lacks, or would hold it once enabled, is out of reach.
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

    /// The first of these rights that is beyond `by`; nothing is beyond who holds all powers.
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

    /// Whether an enabled user who holds AMEND_USER is left after `changes`. A realm that never had
    /// one has nothing to lose.
    pub(super) fn administrator_remains(&self, changes: &[Change]) -> bool {
        let Some(amend) = self.right_codes.get(AMEND_USER).copied() else { return true };
        if !changes.iter().any(weakens) {
            return true;
        }
        After::new(self, amend, changes).has_administrator()
            || !After::new(self, amend, &[]).has_administrator()
    }

    /// Whether somebody who can amend users exists now.
    pub fn has_administrator(&self) -> bool {
        let amend = self.right_codes.get(AMEND_USER).copied();
        amend.is_some_and(|amend| After::new(self, amend, &[]).has_administrator())
    }
}

/// Whether a change can take a right away.
fn weakens(change: &Change) -> bool {
    match change {
        Change::Put(row) => row_weakens(row),
        Change::Delete(key) => deletion_weakens(key),
    }
}

// The two matches name every kind: a new one does not compile until it is classified.
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

/// The realm as it would be after some changes, as far as the question of administrators goes. The
/// changes are looked through once: they may be many.
struct After<'a> {
    realm: &'a Realm,
    amend: RightNo,
    /// The status of users who are put; none: deleted.
    users: BTreeMap<UserNo, Option<UserStatus>>,
    /// Whether profiles that are put or deleted are enabled.
    enabled: BTreeMap<ProfileNo, bool>,
    /// Whether profiles give the right.
    gives: BTreeMap<ProfileNo, bool>,
    /// Whether users hold it directly.
    direct: BTreeMap<UserNo, bool>,
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
