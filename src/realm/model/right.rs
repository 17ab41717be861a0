//! Rights, and the list of administration rights.

use protocol::{Description, RightCode};
use serde::{Deserialize, Serialize};

use super::ids::{Location, RightNo};

/// A right that can be granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Right {
    /// Its number.
    pub no: RightNo,
    /// The location part of its id.
    pub location: Location,
    /// Its unique code, by which the gateway and other programs check for the right.
    pub code: RightCode,
    /// Its description, for display.
    #[serde(default, skip_serializing_if = "Description::is_empty")]
    pub description: Description,
}

/// Codes and descriptions of the rights that the gateway itself requires. The bootstrap creates all
/// of them and grants them to the profile USER_ADMIN.
pub const ADMINISTRATION: &[(&str, &str)] = &[
    ("INSERT_PROFILE", "Insert profiles"),
    ("AMEND_PROFILE", "Amend profiles"),
    ("DELETE_PROFILE", "Delete profiles"),
    ("INSERT_USER", "Insert users"),
    (AMEND_USER, "Amend users"),
    ("DELETE_USER", "Delete users"),
    ("ENABLE_USER", "Enable users"),
    ("DISABLE_USER", "Disable users"),
    ("USER_PROFILE_AMEND", "Set the profiles of a user"),
    ("INSERT_RIGHT", "Insert rights"),
    ("DELETE_RIGHT", "Delete rights"),
    ("LOGOUT_OTHERS", "End the sessions of other users"),
    ("RESET_PWD", "Reset the passwords of users"),
    ("EXPIRE_PWD", "Expire the passwords of users"),
    ("CHANGE_PWD", "Change the passwords of other users"),
    ("RESET_ATTEMPTS", "Unlock users after wrong passwords"),
    ("VIEW_USERS", "See all users, profiles and rights"),
    ("VIEW_SESSIONS", "See the sessions of all users"),
    ("VIEW_AUDIT", "See the audit trail and the login attempts"),
    ("MFA_CREATE", "Create second factors for other users"),
    ("MFA_CONFIRM", "Confirm second factors for other users"),
    ("MFA_ENABLE", "Enable second factors of users"),
    ("MFA_DISABLE", "Disable second factors of users"),
    ("CONNECTOR_SETTINGS", "Read and change the lifetimes of tokens"),
    ("VERIFY_OTT", "Verify one-time tokens"),
    ("BACKUP", "Take backups of the running gateway"),
];

/// The right to amend users. The gateway refuses to remove it from the last enabled user who holds
/// it: otherwise no user could restore rights.
pub const AMEND_USER: &str = "AMEND_USER";
