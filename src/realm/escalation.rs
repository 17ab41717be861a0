//! The two rules that keep power where it is: nobody grants what he does not hold, and somebody
//! who can amend users always remains. Both look at the state after the command.

use std::collections::BTreeSet;

use super::command::By;
use super::ids::{ProfileNo, RightNo, UserNo};
use super::outcome::Refusal;
use super::profiles::ProfileStatus;
use super::rights::{ADMINISTRATION, AMEND_USER};
use super::row::{Change, Key, Row};
use super::users::UserStatus;
use super::{Millis, Realm};

impl Realm {
    /// Whether `by` still is a live session whose user holds `right`: checked again at commit, so
    /// that a right that was taken away meanwhile is refused.
    pub(super) fn permit(&self, at: Millis, by: &By, right: &str) -> Result<(), Refusal> {
        let By::Session(no) = by else { return Ok(()) };
        let session = self.sessions.get(no).filter(|session| session.is_live(at, &self.policy));
        let session = session.ok_or(Refusal::NoSession)?;
        if self.holds_code(session.user, right) {
            Ok(())
        } else {
            Err(Refusal::NotAuthorised(right.to_owned()))
        }
    }

    /// Whether `by` may give all of these rights to others.
    pub(super) fn may_grant(&self, by: &By, rights: &BTreeSet<RightNo>) -> Result<(), Refusal> {
        let By::Session(no) = by else { return Ok(()) };
        let user = self.sessions.get(no).map(|session| session.user).ok_or(Refusal::NoSession)?;
        let held = self.effective(user);
        let all_powers = ADMINISTRATION
            .iter()
            .all(|(code, _)| self.right_codes.get(*code).is_some_and(|right| held.contains(right)));
        match rights.iter().find(|right| !held.contains(right)) {
            Some(right) if !all_powers => {
                let code = self.rights.get(right).map(|right| right.code.to_string());
                Err(Refusal::Escalation(code.unwrap_or_default()))
            }
            _ => Ok(()),
        }
    }

    /// Whether an enabled user who holds AMEND_USER is left after `changes`. A realm that never had
    /// one has nothing to lose.
    pub(super) fn administrator_remains(&self, changes: &[Change]) -> bool {
        let Some(amend) = self.right_codes.get(AMEND_USER).copied() else { return true };
        if !changes.iter().any(weakens) {
            return true;
        }
        let after = After { realm: self, changes };
        after.has_administrator(amend)
            || !After { realm: self, changes: &[] }.has_administrator(amend)
    }

    /// Whether somebody who can amend users exists now.
    pub fn has_administrator(&self) -> bool {
        let amend = self.right_codes.get(AMEND_USER).copied();
        amend.is_some_and(|amend| After { realm: self, changes: &[] }.has_administrator(amend))
    }
}

/// Whether a change can take a power away.
fn weakens(change: &Change) -> bool {
    match change {
        Change::Delete(Key::Member(..) | Key::Grant(..) | Key::Direct(..))
        | Change::Delete(Key::Profile(_) | Key::User(_) | Key::Right(_)) => true,
        Change::Put(Row::Profile(profile)) => profile.status == ProfileStatus::Disabled,
        Change::Put(Row::User(user)) => user.status != UserStatus::Enabled,
        _ => false,
    }
}

/// The realm as it would be after some changes, as far as the question of administrators goes.
struct After<'a> {
    realm: &'a Realm,
    changes: &'a [Change],
}

impl After<'_> {
    fn has_administrator(&self, amend: RightNo) -> bool {
        let holders = self.realm.holders.range((amend, UserNo::MIN)..=(amend, UserNo::MAX));
        let direct = holders.map(|(_, user)| *user).filter(|user| !self.loses_right(*user, amend));
        let mut gained = self.changes.iter().filter_map(|change| match change {
            Change::Put(Row::Direct(user, right)) if *right == amend => Some(*user),
            _ => None,
        });
        direct.into_iter().any(|user| self.is_enabled(user))
            || gained.any(|user| self.is_enabled(user))
            || self.profiles().any(|profile| self.gives(profile, amend) && self.has_member(profile))
    }

    fn loses_right(&self, user: UserNo, amend: RightNo) -> bool {
        self.changes.contains(&Change::Delete(Key::Direct(user, amend)))
    }

    fn profiles(&self) -> impl Iterator<Item = ProfileNo> {
        let new = self.changes.iter().filter_map(|change| match change {
            Change::Put(Row::Profile(profile)) => Some(profile.no),
            _ => None,
        });
        self.realm.profiles.keys().copied().chain(new)
    }

    fn gives(&self, profile: ProfileNo, amend: RightNo) -> bool {
        let mut enabled = (self.realm.profiles.get(&profile))
            .is_some_and(|profile| profile.status == ProfileStatus::Enabled);
        let mut gives = self.realm.grants.contains(&(profile, amend));
        for change in self.changes {
            match change {
                Change::Put(Row::Profile(it)) if it.no == profile => {
                    enabled = it.status == ProfileStatus::Enabled;
                }
                Change::Delete(Key::Profile(it)) if *it == profile => enabled = false,
                Change::Put(Row::Grant(it, right)) if (*it, *right) == (profile, amend) => {
                    gives = true
                }
                Change::Delete(Key::Grant(it, right)) if (*it, *right) == (profile, amend) => {
                    gives = false;
                }
                _ => {}
            }
        }
        enabled && gives
    }

    fn has_member(&self, profile: ProfileNo) -> bool {
        let mut added = Vec::new();
        let mut removed = BTreeSet::new();
        for change in self.changes {
            match change {
                Change::Put(Row::Member(it, user)) if *it == profile => added.push(*user),
                Change::Delete(Key::Member(it, user)) if *it == profile => {
                    removed.insert(*user);
                }
                _ => {}
            }
        }
        let stay = self.realm.members_of(profile).filter(|user| !removed.contains(user));
        stay.chain(added.iter().copied()).any(|user| self.is_enabled(user))
    }

    fn is_enabled(&self, user: UserNo) -> bool {
        let now = self.realm.users.get(&user).map(|user| user.status);
        let after = self.changes.iter().rev().find_map(|change| match change {
            Change::Put(Row::User(it)) if it.no == user => Some(Some(it.status)),
            Change::Delete(Key::User(it)) if *it == user => Some(None),
            _ => None,
        });
        after.unwrap_or(now) == Some(UserStatus::Enabled)
    }
}
