//! What administrators want: records as they should look.

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
    /// What people read.
    pub description: Description,
}

/// How a profile should look. What is absent stays as it is; a list is the whole wanted state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ProfileSpec {
    /// The key of an amend if present.
    pub id: Option<String>,
    /// The name: key, or the new name where an id is the key.
    pub name: Option<ProfileName>,
    /// What people read.
    pub description: Option<Description>,
    /// Whether it gives its rights.
    pub status: Option<ProfileStatus>,
    /// All rights that it should give.
    pub rights: Option<Vec<RecordRef<RightCode>>>,
    /// All users who should be in it.
    pub users: Option<Vec<RecordRef<UserName>>>,
    /// The version that the client read.
    pub record_version: Option<u32>,
}

/// Which event amends a user: each has a right of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Amendment {
    /// EVENT_AMEND_USER: all of the record.
    Record,
    /// EVENT_ENABLE_USER.
    Enable,
    /// EVENT_DISABLE_USER.
    Disable,
    /// EVENT_USER_PROFILE_AMEND: the profiles alone.
    Profiles,
}

impl Amendment {
    /// The right that it needs.
    pub const fn right(self) -> &'static str {
        match self {
            Self::Record => crate::realm::model::AMEND_USER,
            Self::Enable => "ENABLE_USER",
            Self::Disable => "DISABLE_USER",
            Self::Profiles => "USER_PROFILE_AMEND",
        }
    }
}

/// An attribute by its number, and its text; none: cleared.
pub type AttributeSpec = (u8, Option<Box<str>>);

/// How a user should look. What is absent stays as it is; a list is the whole wanted state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSpec {
    /// The key, or part of it.
    pub id: Option<String>,
    /// The name: the key, or the name of a new user.
    pub name: Option<UserName>,
    /// What the user may do at all.
    pub status: Option<UserStatus>,
    /// The hash of a new user's password.
    pub credential: Option<Arc<str>>,
    /// Attributes to set or clear.
    pub attributes: Vec<AttributeSpec>,
    /// All rights that the user should hold directly.
    pub rights: Option<Vec<RecordRef<RightCode>>>,
    /// All profiles that the user should be in.
    pub profiles: Option<Vec<RecordRef<ProfileName>>>,
    /// The version that the client read.
    pub record_version: Option<u32>,
}

/// A password is taken from its user by somebody with the right to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetPassword {
    /// Whose.
    pub user_name: UserName,
    /// The hash of a one-time password; none: a blank one opens the change.
    pub credential: Option<Arc<str>>,
    /// A one-time password is drawn when its mail leaves.
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
