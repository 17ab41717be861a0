//! Users and their status.

use std::sync::Arc;

use protocol::UserName;
use serde::{Deserialize, Serialize};

use super::attributes::{ATTRIBUTES, Attributes};
use super::ids::{Location, Millis, UserNo};

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
    pub(in crate::realm) const fn asks_for_password(self) -> bool {
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
