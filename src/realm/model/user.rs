//! Users and their status.

use std::sync::Arc;

use protocol::UserName;
use serde::{Deserialize, Serialize};

use super::attributes::{ATTRIBUTES, Attributes};
use super::default_value::is_default;
use super::ids::{Location, Millis, UserNo};

/// The record of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its number.
    pub no: UserNo,
    /// The location part of its id.
    pub location: Location,
    /// The unique name, in the spelling with which it was inserted.
    pub name: UserName,
    /// The status: whether the user may log in, and whether the password must be changed.
    pub status: UserStatus,
    /// The hash of the password as a PHC string; `None` if the gateway has no password of the
    /// user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Arc<str>>,
    /// When the password was set.
    #[serde(default)]
    pub credential_at: Millis,
    /// The attributes that are set.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The time of the last successful login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Millis>,
    /// RECORD_VERSION: incremented by every change of the record, except by a login and by the
    /// generation of a mailed one-time password.
    #[serde(default)]
    pub version: u32,
    /// Whether the user belongs to a directory. Only the directory then checks the password; the
    /// gateway stores none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub directory: bool,
    /// The proof epoch. It grows with each event that voids what was issued for the user before:
    /// reset tokens, codes, pending logins and queued mails contain the epoch of their issue.
    #[serde(default, skip_serializing_if = "is_default")]
    pub proof_epoch: u32,
    /// Why the password must be changed, which no status ends. `None` in rows of the first edition;
    /// see [`User::must_change`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub must_change: Option<MustChange>,
}

/// Why a password must be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MustChange {
    /// The password expired.
    Expired,
    /// The password is for one use, or was removed by a reset.
    OneTime,
}

/// STATUS of a user (Genesis authentication).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserStatus {
    /// The user may log in.
    Enabled,
    /// The user may not log in and has no rights and no sessions.
    Disabled,
    /// The user must change the password at the next login but keeps sessions and rights.
    PasswordExpired,
    /// The password was reset. Until the user changes it, the user has no rights and no sessions.
    PasswordReset,
}

impl UserStatus {
    /// Whether the user must choose a new password.
    pub(in crate::realm) const fn asks_for_password(self) -> bool {
        matches!(self, Self::PasswordExpired | Self::PasswordReset)
    }

    /// Returns the word on the wire.
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
    /// Returns an attribute by its number in [`ATTRIBUTES`]; `None` if it is not set.
    pub fn attribute(&self, number: u8) -> Option<&str> {
        self.attributes.get(number)
    }

    /// Returns the address for mails, EMAIL_ADDRESS; `None` if it is not set.
    pub fn mail_address(&self) -> Option<&str> {
        let number = ATTRIBUTES.iter().position(|it| *it == "EMAIL_ADDRESS")?;
        self.attribute(number as u8)
    }

    /// Returns the approximate size of all texts in bytes.
    pub(in crate::realm) fn text_bytes(&self) -> usize {
        let credential = self.credential.as_ref().map_or(0, |it| it.len());
        self.name.as_str().len() + credential + self.attributes.bytes()
    }

    /// Returns why the password must be changed; `None` if it need not be.
    pub fn must_change(&self) -> Option<MustChange> {
        self.must_change.or(match self.status {
            UserStatus::PasswordExpired => Some(MustChange::Expired),
            UserStatus::PasswordReset => Some(MustChange::OneTime),
            UserStatus::Enabled | UserStatus::Disabled => None,
        })
    }

    /// Returns the id as it is displayed.
    pub fn id(&self) -> String {
        self.no.id(self.location)
    }
}
