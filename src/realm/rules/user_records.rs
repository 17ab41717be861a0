//! User records: insert, amend, delete (Genesis authentication, from "Insert user").

use super::change_set::ChangeSet;
use super::list_diff::ListDiff;
use crate::realm::command::{Amendment, AttributeSpec, UserSpec};
use crate::realm::key::Key;
use crate::realm::model::{
    Actor, Attributes, EndReason, Millis, MustChange, User, UserNo, UserStatus,
};
use crate::realm::outcome::{Applied, ChangedLists, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    pub(in crate::realm) fn insert_user(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &UserSpec,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "INSERT_USER")?;
            let name = spec.name.clone().ok_or(Refusal::NotFound("USER", String::new()))?;
            if self.user_names.contains_key(&name) {
                return Err(Refusal::Duplicate("USER_NAME", name.to_string()));
            }
            let mut change_set = ChangeSet::default();
            let counters = change_set.counters(self);
            counters.users += 1;
            let no = UserNo(counters.users);
            if let Some(status) = spec.status.filter(|it| *it != UserStatus::Enabled)
                && !spec.must_change
            {
                self.may_set_status(at, actor, no, status)?;
            }
            let user = User {
                no,
                location: self.policy.location,
                name: name.clone(),
                status: spec.status.unwrap_or(UserStatus::Enabled),
                credential: spec.credential.clone(),
                credential_at: at,
                attributes: amended(&Attributes::default(), &spec.attributes),
                last_login: None,
                version: 0,
                directory: self.policy.directory && spec.credential.is_none(),
                proof_epoch: 0,
                must_change: self.if_current(MustChange::OneTime).filter(|_| spec.must_change),
            };
            // Attempts that were made before the user existed do not count against the user.
            if self.attempts.contains_key(&name) {
                change_set.changes.push(Change::Delete(Key::Attempts(name)));
            }
            self.shape_user(at, actor, None, user, spec, change_set)
        };
        plan().unwrap_or_else(Applied::refused)
    }

    pub(in crate::realm) fn amend_user(
        &self,
        at: Millis,
        actor: &Actor,
        event: Amendment,
        spec: &UserSpec,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, event.right())?;
            let old = self.find_user(spec)?;
            self.may_change_user(actor, old.no)?;
            let mut user = old.clone();
            user.attributes = amended(&old.attributes, &spec.attributes);
            self.void_proofs_of_address(old, &mut user);
            let (status, is_restored) = self.wanted_status(event, old, spec.status);
            user.status = status;
            let mut spec = spec.clone();
            if self.policy.absent_list_clears && event == Amendment::Record {
                spec.rights.get_or_insert_default();
                spec.profiles.get_or_insert_default();
            }
            let mut change_set = ChangeSet::default();
            let status_changes = user.status != old.status;
            let wanted = if is_restored { UserStatus::Enabled } else { user.status };
            if old.directory && status_changes && wanted.asks_for_password() {
                return Err(Refusal::ManagedByDirectory);
            }
            if status_changes {
                self.may_set_status(at, actor, old.no, wanted)?;
            }
            if is_restored {
                user.must_change = old.must_change();
            } else {
                self.enter_status(at, old, &mut user, &mut change_set);
            }
            self.shape_user(at, actor, Some(old), user, &spec, change_set)
        };
        plan().unwrap_or_else(Applied::refused)
    }

    pub(in crate::realm) fn delete_user(
        &self,
        at: Millis,
        actor: &Actor,
        spec: &UserSpec,
    ) -> Applied {
        let plan = || {
            self.permit(at, actor, "DELETE_USER")?;
            let user = self.find_user(spec)?;
            self.may_change_user(actor, user.no)?;
            let mut change_set = ChangeSet::default();
            self.end_all(user.no, EndReason::Deleted, None, &mut change_set);
            let member = |profile| Change::Delete(Key::Member(profile, user.no));
            change_set.changes.extend(self.profiles_of(user.no).map(member));
            let direct = |right| Change::Delete(Key::Direct(user.no, right));
            change_set.changes.extend(self.direct_of(user.no).map(direct));
            if self.attempts.contains_key(&user.name) {
                change_set.changes.push(Change::Delete(Key::Attempts(user.name.clone())));
            }
            change_set.changes.extend(self.belongings(user.no));
            change_set.changes.push(Change::Delete(Key::User(user.no)));
            let done =
                ChangedLists { id: user.id(), version: user.version, ..ChangedLists::default() };
            Ok(change_set.applied(Outcome::User(done)))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Returns the changes that delete what belongs to a user: password history, second factor,
    /// reset, places, one-time tokens, pending logins, active codes and mails.
    fn belongings(&self, user: UserNo) -> Vec<Change> {
        let of_user = [
            self.histories.contains_key(&user).then_some(Key::History(user)),
            self.second_factors.contains_key(&user).then_some(Key::SecondFactor(user)),
            self.self_resets.contains_key(&user).then_some(Key::SelfReset(user)),
            self.places.contains_key(&user).then_some(Key::Places(user)),
        ];
        let one_time = self.one_time.for_user(user).map(|(hash, _)| Key::OneTime(hash));
        let pending_logins =
            self.pending_logins.for_user(user).map(|(hash, _)| Key::PendingLogin(hash));
        let codes = self.active_codes_of(user).map(Key::ActiveCode);
        let mails = self.mails_of(user).map(|mail| Key::Mail(mail.no));
        let all = of_user.into_iter().flatten().chain(one_time).chain(pending_logins);
        all.chain(codes).chain(mails).map(Change::Delete).collect()
    }

    /// Returns the user that a request names by id, by name or by both. Refused if id and name
    /// disagree, or if RECORD_VERSION is present and not current.
    pub fn find_user(&self, spec: &UserSpec) -> Result<&User, Refusal> {
        let by_name = spec.name.as_ref().map(|name| {
            self.user_by_name(name).ok_or_else(|| Refusal::NotFound("USER", name.to_string()))
        });
        let by_id = spec.id.as_ref().map(|id| {
            let (no, location) = UserNo::parse(id).ok_or(Refusal::InvalidId("ID"))?;
            let found = self.user(no).filter(|user| user.location == location);
            found.ok_or_else(|| Refusal::NotFound("USER", id.clone()))
        });
        let user = match (by_name.transpose()?, by_id.transpose()?) {
            (Some(a), Some(b)) if a.no != b.no => return Err(Refusal::IdNameMismatch("USER_NAME")),
            (Some(user), _) | (None, Some(user)) => user,
            (None, None) => return Err(Refusal::NotFound("USER", String::new())),
        };
        match spec.record_version {
            Some(version) if version != user.version => Err(Refusal::VersionConflict(user.version)),
            _ => Ok(user),
        }
    }

    /// Returns the status after an event, and whether it is not the wanted status but the one that
    /// a required password change demands: enabling a user does not end it.
    fn wanted_status(
        &self,
        event: Amendment,
        old: &User,
        sent: Option<UserStatus>,
    ) -> (UserStatus, bool) {
        let wanted = match (event, old.status) {
            (Amendment::Enable, UserStatus::Disabled) => UserStatus::Enabled,
            (Amendment::Enable, status) => status,
            (Amendment::Disable, _) => UserStatus::Disabled,
            (_, status) => sent.unwrap_or(status),
        };
        if self.is_first_edition() || wanted != UserStatus::Enabled {
            return (wanted, false);
        }
        match (old.status, old.must_change()) {
            (UserStatus::Disabled, Some(MustChange::OneTime)) => (UserStatus::PasswordReset, true),
            (UserStatus::Disabled, Some(MustChange::Expired)) => {
                (UserStatus::PasswordExpired, true)
            }
            // Only a new password ends a one-time password.
            (status, Some(MustChange::OneTime)) => (status, true),
            _ => (wanted, false),
        }
    }

    /// Adds the effects of a changed status: DISABLED and PASSWORD_RESET end the sessions, and
    /// PASSWORD_RESET also removes the password.
    pub(super) fn enter_status(
        &self,
        at: Millis,
        old: &User,
        user: &mut User,
        change_set: &mut ChangeSet,
    ) {
        if user.status == old.status {
            return;
        }
        if user.status != UserStatus::Enabled {
            user.proof_epoch = self.next_epoch(old);
        }
        user.must_change = match user.status {
            UserStatus::Enabled => None,
            UserStatus::Disabled => old.must_change().and_then(|it| self.if_current(it)),
            UserStatus::PasswordReset => self.if_current(MustChange::OneTime),
            UserStatus::PasswordExpired => {
                self.if_current(old.must_change().unwrap_or(MustChange::Expired))
            }
        };
        match user.status {
            UserStatus::Disabled => self.end_all(user.no, EndReason::Disabled, None, change_set),
            UserStatus::PasswordReset => {
                self.history_after(old).into_iter().for_each(|row| change_set.put(row));
                user.credential = None;
                user.credential_at = at;
                self.end_all(user.no, EndReason::PasswordChanged, None, change_set);
            }
            UserStatus::Enabled | UserStatus::PasswordExpired => {}
        }
    }

    /// Brings a user's record, direct rights and profiles to the requested state.
    fn shape_user(
        &self,
        at: Millis,
        actor: &Actor,
        old: Option<&User>,
        mut user: User,
        spec: &UserSpec,
        mut change_set: ChangeSet,
    ) -> Result<Applied, Refusal> {
        let rights = spec.rights.as_ref().map(|list| self.find_rights(list)).transpose()?;
        let profiles = spec.profiles.as_ref().map(|list| self.find_profiles(list)).transpose()?;
        let rights = ListDiff::between(self.direct_of(user.no), rights);
        let profiles = ListDiff::between(self.profiles_of(user.no), profiles);
        let mut authority = self.authority(actor)?;
        authority.may_grant(rights.added.iter().copied())?;
        authority.may_grant(profiles.added.iter().flat_map(|it| self.grants_of(*it)))?;
        for profile in &profiles.removed {
            self.may_remove_member(at, actor, &mut authority, (*profile, user.no))?;
        }

        let no = user.no;
        let lists_change = !rights.is_same() || !profiles.is_same();
        if old.is_none_or(|old| lists_change || *old != user) {
            user.version = old.map_or(1, |old| old.version + 1);
            change_set.put(Row::User(user.clone()));
        }
        let delete = Change::Delete;
        change_set.changes.extend(rights.removed.iter().map(|it| delete(Key::Direct(no, *it))));
        change_set.changes.extend(profiles.removed.iter().map(|it| delete(Key::Member(*it, no))));
        rights.added.iter().for_each(|right| change_set.put(Row::Direct(no, *right)));
        profiles.added.iter().for_each(|profile| change_set.put(Row::Member(*profile, no)));
        let done = ChangedLists {
            id: user.id(),
            version: user.version,
            rights_added: self.codes(&rights.added),
            rights_removed: self.codes(&rights.removed),
            memberships_added: self.names_of_profiles(&profiles.added),
            memberships_removed: self.names_of_profiles(&profiles.removed),
        };
        Ok(change_set.applied(Outcome::User(done)))
    }
}

/// Returns the attributes after a request, in the order of their numbers. Attributes that the
/// request contains are set or cleared; all other attributes stay unchanged.
pub(super) fn amended(old: &Attributes, specs: &[AttributeSpec]) -> Attributes {
    let named = |number: u8| specs.iter().any(|(it, _)| *it == number);
    let kept = old.iter().filter(|(number, _)| !named(*number));
    let set = specs.iter().filter_map(|(number, text)| Some((*number, text.as_deref()?)));
    let mut all: Vec<_> = kept.chain(set).collect();
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().collect()
}
