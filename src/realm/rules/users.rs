//! Users: who may log in, as whom.

use std::sync::Arc;

use protocol::{ProfileName, UserName};
use serde::{Deserialize, Serialize};

use crate::realm::command::commands::NewUser;
use crate::realm::model::attributes::{ATTRIBUTES, Attributes};
use crate::realm::model::ids::{Location, ProfileNo, UserNo};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::{Millis, Realm};

/// A user's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its number.
    pub no: UserNo,
    /// Where its id was made.
    pub location: Location,
    /// The name, in the spelling of whoever inserted it.
    pub name: UserName,
    /// What the user may do at all.
    pub status: UserStatus,
    /// The password's hash as a PHC string; none: no password logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Arc<str>>,
    /// When the password was set.
    #[serde(default)]
    pub credential_at: Millis,
    /// Attributes that are set.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The last login that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Millis>,
    /// RECORD_VERSION: grows with every administration of the record.
    #[serde(default)]
    pub version: u32,
    /// A directory checks the password: none is kept here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
}

/// STATUS of a user (S2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserStatus {
    /// May log in.
    Enabled,
    /// May not; no rights, no sessions.
    Disabled,
    /// Must change the password at the next login; sessions and rights live on.
    PasswordExpired,
    /// The password was wiped; no rights, no sessions.
    PasswordReset,
}

impl UserStatus {
    /// Whether it means that a new password must be chosen.
    pub(super) const fn asks_for_password(self) -> bool {
        matches!(self, Self::PasswordExpired | Self::PasswordReset)
    }

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::PasswordReset => "PASSWORD_RESET",
        }
    }
}

impl User {
    /// The value of an attribute by its number in [`ATTRIBUTES`].
    pub fn attribute(&self, number: u8) -> Option<&str> {
        self.attributes.get(number)
    }

    /// Where mails go.
    pub fn mail_address(&self) -> Option<&str> {
        let number = ATTRIBUTES.iter().position(|it| *it == "EMAIL_ADDRESS")?;
        self.attribute(number as u8)
    }

    /// Bytes of all its texts, about.
    pub(in crate::realm) fn text_bytes(&self) -> usize {
        let credential = self.credential.as_ref().map_or(0, |it| it.len());
        self.name.as_str().len() + credential + self.attributes.bytes()
    }

    /// The id that people see.
    pub fn id(&self) -> String {
        self.no.id(self.location)
    }
}

impl Realm {
    /// The user of this number.
    pub fn user(&self, no: UserNo) -> Option<&User> {
        self.users.get(&no).map(|user| &**user)
    }

    /// The user of this name.
    pub fn user_by_name(&self, name: &UserName) -> Option<&User> {
        self.user(*self.user_names.get(name)?)
    }

    /// All users, by number, from the one after `after`.
    pub fn users_after(&self, after: Option<UserNo>) -> impl Iterator<Item = &User> {
        let from = UserNo(after.map_or(0, |no| no.0.saturating_add(1)));
        self.users.range(from..).map(|(_, user)| &**user)
    }

    /// The profiles that the user is in, enabled or not.
    pub fn profiles_of(&self, user: UserNo) -> impl Iterator<Item = ProfileNo> {
        let range = (user, ProfileNo::MIN)..=(user, ProfileNo::MAX);
        self.memberships.range(range).map(|(_, profile)| *profile)
    }

    /// Inserts users with their hashes; all or none. Only the command line on a stopped store does.
    pub(in crate::realm) fn add_users(&self, at: Millis, wanted: &[NewUser]) -> Applied {
        let mut counters = self.counters.clone();
        let mut changes = Vec::with_capacity(wanted.len() * 2 + 1);
        let mut names = std::collections::BTreeSet::new();
        for new in wanted {
            if self.attempts.contains_key(&new.name) {
                changes.push(Change::Delete(Key::Attempts(new.name.clone())));
            }
            if self.user_names.contains_key(&new.name) || !names.insert(&new.name) {
                return Applied::refused(Refusal::Duplicate("USER_NAME", new.name.to_string()));
            }
            counters.users += 1;
            let user = new.user(UserNo(counters.users), self.policy.location, at);
            for code in &new.rights {
                let Some(right) = self.right_by_code(code.as_str()) else {
                    return Applied::refused(Refusal::NotFound("RIGHT", code.to_string()));
                };
                changes.push(Change::Put(Row::Direct(user.no, right.no)));
            }
            for name in &new.profiles {
                let Some(profile) = self.profile_by_name(name) else {
                    return Applied::refused(Refusal::NotFound("PROFILE", name.to_string()));
                };
                changes.push(Change::Put(Row::Member(profile.no, user.no)));
            }
            changes.push(Change::Put(Row::User(user)));
        }
        changes.push(Change::Put(Row::Counters(counters)));
        Applied::done(Outcome::Done, changes)
    }

    /// The profile of this name.
    pub fn profile_by_name(
        &self,
        name: &ProfileName,
    ) -> Option<&crate::realm::rules::profiles::Profile> {
        self.profiles.get(self.profile_names.get(name)?)
    }
}

impl NewUser {
    /// An enabled user of this name, with nothing else.
    pub fn named(name: UserName) -> Self {
        Self {
            name,
            credential: None,
            attributes: Box::default(),
            profiles: Vec::new(),
            status: None,
            rights: Vec::new(),
        }
    }

    /// Its record.
    pub(crate) fn user(&self, no: UserNo, location: Location, at: Millis) -> User {
        User {
            no,
            location,
            name: self.name.clone(),
            status: self.status.unwrap_or(UserStatus::Enabled),
            credential: self.credential.clone(),
            credential_at: at,
            attributes: self.attributes.iter().map(|(number, text)| (*number, &**text)).collect(),
            last_login: None,
            version: 1,
            directory: false,
        }
    }
}
