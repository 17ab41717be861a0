//! Elements of lists that name records: a name alone, or an object with the id, the name or both.

use protocol::{ProfileName, RightCode, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::realm::RecordRef;
/// A code, or an object with ID, CODE or both.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a code, or an object of ID, CODE or RIGHT_CODE")]
pub enum RightRef {
    /// The code alone.
    Code(RightCode),
    /// More of it.
    Object(RightObject),
}

/// A right by ID, CODE or both.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
pub struct RightObject {
    id: Option<String>,
    #[serde(alias = "RIGHT_CODE")]
    code: Option<RightCode>,
}

/// A user name, or an object with ID, USER_NAME or both.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a user name, or an object of ID and USER_NAME")]
pub enum UserRef {
    /// The name alone.
    Name(UserName),
    /// More of it.
    Object(UserObject),
}

/// A user by ID, USER_NAME or both.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct UserObject {
    id: Option<String>,
    user_name: Option<UserName>,
}

/// A profile's name, or an object with ID, NAME or both.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a profile's name, or an object of ID and NAME")]
pub enum ProfileRef {
    /// The name alone.
    Name(ProfileName),
    /// More of it.
    Object(ProfileObject),
}

/// A profile by ID, NAME or both.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct ProfileObject {
    id: Option<String>,
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

/// The wanted state of a list.
pub fn into_refs<R: Into<RecordRef<N>>, N>(list: Option<Vec<R>>) -> Option<Vec<RecordRef<N>>> {
    list.map(|list| list.into_iter().map(R::into).collect())
}
