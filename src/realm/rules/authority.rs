//! Authority: what an actor may grant, and which users and profiles an actor may change.
//!
//! Users can grant only rights that they hold, and change only users and profiles whose rights they
//! hold, whatever the status of those users and profiles. Users who hold all administration rights
//! are exempt. No session relaxes what holds for its own user. Rights that the policy does not
//! guard do not count.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ProfileName;

use crate::realm::model::{
    ADMINISTRATION, Actor, ConfiguredName, FIRST_ADMINISTRATION, GuardedRights, Millis, ProfileNo,
    ProfileStatus, Right, RightNo, UserNo, UserStatus, is_administration,
};
use crate::realm::outcome::{AuthorityLimit, Refusal};
use crate::realm::row::Edition;
use crate::realm::state::Realm;

/// The authority of one actor, computed once for a command, which can concern many users.
pub(super) struct Authority<'a> {
    realm: &'a Realm,
    /// The user of the actor; `None` for the operator.
    own: Option<UserNo>,
    /// The effective rights of the actor; `None` if the actor may grant and change everything.
    held: Option<BTreeSet<RightNo>>,
    /// The first right of a profile that the actor lacks, for the profiles that were looked at.
    missing_by_profile: BTreeMap<ProfileNo, Option<RightNo>>,
}

fn beyond(limit: AuthorityLimit) -> Refusal {
    Refusal::BeyondAuthority(limit)
}

impl Authority<'_> {
    /// Checks that the actor may grant all of these rights.
    pub(super) fn may_grant(
        &self,
        rights: impl IntoIterator<Item = RightNo>,
    ) -> Result<(), Refusal> {
        match self.missing(rights) {
            Some(right) => Err(beyond(AuthorityLimit::Grant(self.realm.code_of(right)))),
            None => Ok(()),
        }
    }

    /// Checks that the actor may change this user: the actor must hold every right that the user
    /// holds directly or through a profile, whatever the status of user and profile. Users may
    /// change themselves.
    pub(super) fn may_change_user(&mut self, user: UserNo) -> Result<(), Refusal> {
        if self.own == Some(user) {
            return Ok(());
        }
        match self.missing_of_user(user) {
            Some(right) => Err(beyond(AuthorityLimit::User(self.realm.code_of(right)))),
            None => Ok(()),
        }
    }

    /// Checks that the actor may change the name, status or rights of this profile: the actor must
    /// hold all of its rights.
    pub(super) fn may_change_profile(&mut self, profile: ProfileNo) -> Result<(), Refusal> {
        match self.missing_of_profile(profile) {
            Some(right) => Err(beyond(AuthorityLimit::Profile(self.realm.code_of(right)))),
            None => Ok(()),
        }
    }

    /// Checks that the actor may grant everything.
    pub(super) fn is_unlimited(&self) -> Result<(), Refusal> {
        let Some(held) = &self.held else { return Ok(()) };
        let mut administration = self.realm.administration().iter();
        let lacks =
            |code: &str| self.realm.right_codes.get(code).is_none_or(|right| !held.contains(right));
        let missing = administration.find(|(code, _)| lacks(code));
        missing.map_or(Ok(()), |(code, _)| Err(beyond(AuthorityLimit::Grant((*code).to_owned()))))
    }

    /// Returns the first guarded right among these that the actor lacks.
    fn missing(&self, rights: impl IntoIterator<Item = RightNo>) -> Option<RightNo> {
        let held = self.held.as_ref()?;
        let mut lacking = rights.into_iter().filter(|right| !held.contains(right));
        lacking.find(|right| self.realm.right(*right).is_none_or(|it| self.realm.is_guarded(it)))
    }

    fn missing_of_user(&mut self, user: UserNo) -> Option<RightNo> {
        let realm = self.realm;
        self.held.as_ref()?;
        self.missing(realm.direct_of(user)).or_else(|| {
            let mut profiles = realm.profiles_of(user).filter(|no| realm.counts_for_reach(*no));
            profiles.find_map(|profile| self.missing_of_profile(profile))
        })
    }

    fn missing_of_profile(&mut self, profile: ProfileNo) -> Option<RightNo> {
        self.held.as_ref()?;
        if let Some(known) = self.missing_by_profile.get(&profile) {
            return *known;
        }
        let missing = self.missing(self.realm.grants_of(profile));
        self.missing_by_profile.insert(profile, missing);
        missing
    }
}

impl Realm {
    /// Returns the edition of the rules by which commands are decided.
    pub fn edition(&self) -> Edition {
        self.counters.edition
    }

    /// Whether commands are decided by the rules before the authority rules.
    pub(super) fn is_first_edition(&self) -> bool {
        self.counters.edition == Edition::First
    }

    /// Returns codes and descriptions of the administration rights that the last bootstrap knew.
    pub(super) fn administration(&self) -> &'static [(&'static str, &'static str)] {
        let known = match self.counters.administration {
            0 => FIRST_ADMINISTRATION,
            known => known,
        };
        &ADMINISTRATION[..known.min(ADMINISTRATION.len())]
    }

    /// Returns the authority of an actor.
    pub(super) fn authority(&self, actor: &Actor) -> Result<Authority<'_>, Refusal> {
        let own = match actor {
            Actor::Operator => None,
            Actor::Session(no) => Some(self.sessions.get(no).ok_or(Refusal::NoSession)?.user),
        };
        let held = own.map(|own| self.effective(own)).filter(|held| !self.is_complete(held));
        Ok(Authority { realm: self, own, held, missing_by_profile: BTreeMap::new() })
    }

    /// Whether these rights include all administration rights.
    fn is_complete(&self, held: &BTreeSet<RightNo>) -> bool {
        let holds = |code: &str| self.right_codes.get(code).is_some_and(|it| held.contains(it));
        self.administration().iter().all(|(code, _)| holds(code))
    }

    /// Whether only a holder may grant this right and change its holders.
    fn is_guarded(&self, right: &Right) -> bool {
        match &self.policy.guarded_rights {
            GuardedRights::All => true,
            GuardedRights::Administration(codes) => {
                let code = right.code.as_str();
                right.guarded || is_administration(code) || codes.iter().any(|it| **it == *code)
            }
        }
    }

    /// Whether the rights of a profile count when its users are changed: those of a disabled
    /// profile, too, because it may be enabled later.
    fn counts_for_reach(&self, profile: ProfileNo) -> bool {
        let enabled = |no| self.profile(no).is_some_and(|it| it.status == ProfileStatus::Enabled);
        !self.is_first_edition() || enabled(profile)
    }

    fn code_of(&self, right: RightNo) -> String {
        self.right(right).map_or_else(|| format!("right {}", right.0), |it| it.code.to_string())
    }

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

    /// Checks that the actor may change this user.
    pub(super) fn may_change_user(&self, actor: &Actor, user: UserNo) -> Result<(), Refusal> {
        self.authority(actor)?.may_change_user(user)
    }

    /// Like [`Realm::may_change_user`], for commands that the first edition did not limit.
    pub(super) fn may_reach(&self, actor: &Actor, user: UserNo) -> Result<(), Refusal> {
        if self.is_first_edition() { Ok(()) } else { self.may_change_user(actor, user) }
    }

    /// Whether this is the actor's own user.
    pub(super) fn is_own(&self, actor: &Actor, user: UserNo) -> bool {
        matches!(actor, Actor::Session(no) if self.session(*no).is_some_and(|it| it.user == user))
    }

    /// Checks that the actor does not relax what holds for the actor's own user.
    pub(super) fn not_own(&self, actor: &Actor, user: UserNo) -> Result<(), Refusal> {
        if !self.is_first_edition() && self.is_own(actor, user) {
            Err(beyond(AuthorityLimit::OwnUser))
        } else {
            Ok(())
        }
    }

    /// Checks that the actor may set this status: a change of the status requires the right of the
    /// event that makes the same change, and users do not end a required change of their own
    /// password.
    pub(super) fn may_set_status(
        &self,
        at: Millis,
        actor: &Actor,
        user: UserNo,
        status: UserStatus,
    ) -> Result<(), Refusal> {
        if self.is_first_edition() {
            return Ok(());
        }
        let right = match status {
            UserStatus::Enabled => "ENABLE_USER",
            UserStatus::Disabled => "DISABLE_USER",
            UserStatus::PasswordExpired => "EXPIRE_PWD",
            UserStatus::PasswordReset => "RESET_PWD",
        };
        self.permit(at, actor, right)?;
        if status == UserStatus::Enabled { self.not_own(actor, user) } else { Ok(()) }
    }

    /// Checks that the actor may take this user out of this profile. If the profile demands a
    /// second factor, only another user who holds MFA_DISABLE may.
    pub(super) fn may_remove_member(
        &self,
        at: Millis,
        actor: &Actor,
        authority: &mut Authority<'_>,
        (profile, user): (ProfileNo, UserNo),
    ) -> Result<(), Refusal> {
        if self.is_first_edition() {
            return Ok(());
        }
        authority.may_change_user(user)?;
        if self.demands_factor(profile) {
            self.not_own(actor, user)?;
            self.permit(at, actor, "MFA_DISABLE")?;
        }
        Ok(())
    }

    /// Returns the key of the configuration that names this profile; `None` if none does.
    pub(super) fn pinned_by(&self, name: &ProfileName) -> Option<&str> {
        let pinned = self.configured.get(&ConfiguredName::Profile(name.clone()));
        pinned.filter(|_| !self.is_first_edition()).map(|key| &**key)
    }

    /// Checks that a profile with this name may be renamed or deleted.
    pub(super) fn not_pinned(&self, name: &ProfileName) -> Result<(), Refusal> {
        self.pinned_by(name)
            .map_or(Ok(()), |key| Err(Refusal::NamedByConfiguration(key.to_owned())))
    }

    /// Whether the configuration demands a second factor of the users in a profile of this name.
    pub(super) fn is_demanding_name(&self, name: &ProfileName) -> bool {
        let mfa = &self.policy.mfa;
        mfa.totp_for.iter().chain(&mfa.link_for).any(|it| **it == *name.as_str())
    }

    /// Whether the configuration demands a second factor of the users in this profile.
    pub(super) fn demands_factor(&self, profile: ProfileNo) -> bool {
        self.profile(profile).is_some_and(|it| self.is_demanding_name(&it.name))
    }
}
