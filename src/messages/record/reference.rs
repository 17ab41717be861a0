//! References to records in lists: a name, or an object with id, name or both.

use protocol::{ProfileName, RightCode, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::realm::RecordRef;

/// A right: its code, or an object with ID, CODE or both. If both are sent, they must name the same
/// right.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a right code, or an object with ID, CODE or RIGHT_CODE")]
pub enum RightRef {
    /// The code alone.
    Code(RightCode),
    /// The id, the code or both.
    Object(RightObject),
}

/// A right by ID, CODE or both. If both are sent, they must name the same right.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct RightObject {
    /// Id of the right.
    id: Option<String>,
    /// Code of the right. RIGHT_CODE is another name of this field.
    #[serde(alias = "RIGHT_CODE")]
    code: Option<RightCode>,
}

/// A user: the user name, or an object with ID, USER_NAME or both. If both are sent, they must name
/// the same user.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a user name, or an object with ID or USER_NAME")]
pub enum UserRef {
    /// The name alone.
    Name(UserName),
    /// The id, the name or both.
    Object(UserObject),
}

/// A user by ID, USER_NAME or both. If both are sent, they must name the same user.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct UserObject {
    /// Id of the user.
    id: Option<String>,
    /// Name of the user.
    user_name: Option<UserName>,
}

/// A profile: its name, or an object with ID, NAME or both. If both are sent, they must name the
/// same profile.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a profile name, or an object with ID, NAME or PROFILE_NAME")]
pub enum ProfileRef {
    /// The name alone.
    Name(ProfileName),
    /// The id, the name or both.
    Object(ProfileObject),
}

/// A profile by ID, NAME or both. If both are sent, they must name the same profile.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ProfileObject {
    /// Id of the profile.
    id: Option<String>,
    /// Name of the profile. PROFILE_NAME is another name of this field.
    #[serde(alias = "PROFILE_NAME")]
    name: Option<ProfileName>,
}

impl From<RightRef> for RecordRef<RightCode> {
    fn from(named: RightRef) -> Self {
        match named {
            RightRef::Code(code) => Self { id: None, name: Some(code) },
            RightRef::Object(it) => Self { id: it.id, name: it.code },
        }
    }
}

impl From<UserRef> for RecordRef<UserName> {
    fn from(named: UserRef) -> Self {
        match named {
            UserRef::Name(name) => Self { id: None, name: Some(name) },
            UserRef::Object(it) => Self { id: it.id, name: it.user_name },
        }
    }
}

impl From<ProfileRef> for RecordRef<ProfileName> {
    fn from(named: ProfileRef) -> Self {
        match named {
            ProfileRef::Name(name) => Self { id: None, name: Some(name) },
            ProfileRef::Object(it) => Self { id: it.id, name: it.name },
        }
    }
}

/// Converts the elements of a list.
pub fn into_refs<R: Into<RecordRef<N>>, N>(list: Option<Vec<R>>) -> Option<Vec<RecordRef<N>>> {
    list.map(|list| list.into_iter().map(R::into).collect())
}
