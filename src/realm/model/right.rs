//! Rights, and the rights of administrators.

use protocol::{Description, RightCode};
use serde::{Deserialize, Serialize};

use super::ids::{Location, RightNo};
/// A right that can be granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Right {
    /// Its number.
    pub no: RightNo,
    /// Where its id was made.
    pub location: Location,
    /// What programs ask for.
    pub code: RightCode,
    /// What people read.
    #[serde(default, skip_serializing_if = "Description::is_empty")]
    pub description: Description,
}

/// What the gateway itself asks for; the first start makes them all and gives them to USER_ADMIN.
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
    ("VIEW_AUDIT", "See the audit and login attempts"),
    ("MFA_CREATE", "Create second factors for other users"),
    ("MFA_CONFIRM", "Confirm second factors for other users"),
    ("MFA_ENABLE", "Enable second factors of users"),
    ("MFA_DISABLE", "Disable second factors of users"),
    ("CONNECTOR_SETTINGS", "Read and change the life times of tokens"),
    ("VERIFY_OTT", "Verify one-time tokens"),
    ("BACKUP", "Take backups of the running gateway"),
];

/// The right without which nobody could give rights back.
pub const AMEND_USER: &str = "AMEND_USER";
