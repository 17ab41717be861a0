//! Payloads of commands that insert or amend users, profiles and rights.

use std::sync::Arc;

use protocol::{Description, ProfileName, RightCode, UserName};
use serde::{Deserialize, Serialize};

use crate::realm::model::{ProfileStatus, UserStatus};

/// A right to insert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightSpec {
    /// The id, if the client chose one.
    pub id: Option<String>,
    /// The code.
    pub code: RightCode,
    /// The description, for display.
    pub description: Description,
    /// Whether only holders of the right may grant it and change its holders.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guarded: bool,
}

/// The wanted state of a right. An absent field stays unchanged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RightAmendment {
    /// The code of the right.
    pub code: RightCode,
    /// The description, for display.
    pub description: Option<Description>,
    /// Whether only holders of the right may grant it and change its holders.
    pub guarded: Option<bool>,
}

/// The wanted state of a profile. A list replaces the old list. An absent field stays unchanged,
/// but with the policy `absent_list_clears`, an absent list clears the old list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileSpec {
    /// The id: chosen for a new profile, or the id of the profile to amend or delete.
    pub id: Option<String>,
    /// The name. Identifies the profile if no id is present; with an id, an amend renames the
    /// profile.
    pub name: Option<ProfileName>,
    /// The description, for display.
    pub description: Option<Description>,
    /// Whether the users in the profile have its rights.
    pub status: Option<ProfileStatus>,
    /// All rights that the profile grants.
    pub rights: Option<Vec<RecordRef<RightCode>>>,
    /// All users who are in the profile.
    pub users: Option<Vec<RecordRef<UserName>>>,
    /// The RECORD_VERSION that the client read. The command is refused if the record has another
    /// version.
    pub record_version: Option<u32>,
}

/// The event that amends a user. Each requires a different right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Amendment {
    /// EVENT_AMEND_USER: the whole record.
    Record,
    /// EVENT_ENABLE_USER.
    Enable,
    /// EVENT_DISABLE_USER.
    Disable,
    /// EVENT_USER_PROFILE_AMEND: only the profiles.
    Profiles,
}

impl Amendment {
    /// Returns the right that the event requires.
    pub const fn right(self) -> &'static str {
        match self {
            Self::Record => crate::realm::model::AMEND_USER,
            Self::Enable => "ENABLE_USER",
            Self::Disable => "DISABLE_USER",
            Self::Profiles => "USER_PROFILE_AMEND",
        }
    }
}

/// The number of an attribute, and its text; `None` clears the attribute.
pub type AttributeSpec = (u8, Option<Box<str>>);

/// The wanted state of a user. A list replaces the old list. An absent field stays unchanged, but
/// with the policy `absent_list_clears`, an absent list in EVENT_AMEND_USER clears the old list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSpec {
    /// The id of the user to amend or delete. If the name is present, too, both must agree.
    pub id: Option<String>,
    /// The name of the user to amend or delete, or of a new user.
    pub name: Option<UserName>,
    /// The status.
    pub status: Option<UserStatus>,
    /// The hash of the password of a new user.
    pub credential: Option<Arc<str>>,
    /// Whether a new user must change the password at the first login.
    pub must_change: bool,
    /// Attributes to set or clear.
    pub attributes: Vec<AttributeSpec>,
    /// All rights that the user holds directly.
    pub rights: Option<Vec<RecordRef<RightCode>>>,
    /// All profiles of the user.
    pub profiles: Option<Vec<RecordRef<ProfileName>>>,
    /// The RECORD_VERSION that the client read. The command is refused if the record has another
    /// version.
    pub record_version: Option<u32>,
}

/// A reset of the password of a user, by a user who holds RESET_PWD.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetPassword {
    /// The user whose password is reset.
    pub user_name: UserName,
    /// The hash of a one-time password; `None` if an empty password permits the change, or if the
    /// one-time password is mailed.
    pub credential: Option<Arc<str>>,
    /// Whether a one-time password is mailed. The password is generated when the mail is sent.
    #[serde(default)]
    pub mailed: bool,
}

/// A record named by its id, its name, or both, which must then agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordRef<N> {
    /// The id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub name: Option<N>,
}
