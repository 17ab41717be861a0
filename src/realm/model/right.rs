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
    /// Whether only holders of the right may grant it and change its holders, even if the policy
    /// guards only some rights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guarded: bool,
}

/// The administration rights: codes and descriptions of the rights that the gateway itself
/// requires. The bootstrap creates all of them and grants them to the profile USER_ADMIN. Rights
/// may only be appended: a store contains the number of rights that it knows, and the first start
/// of a new version grants the others to all holders of those that were known.
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
    ("AMEND_RIGHT", "Amend rights"),
    ("IMPORT_USERS", "Import users"),
    ("VIEW_HEALTH", "See the state of the gateway"),
    ("VERIFY_SESSION", "Verify the sessions of other users"),
    ("ANNOUNCE", "Send announcements to users"),
    ("SET_POLICY", "Change the policy"),
];

/// Number of administration rights in stores that do not contain this number.
pub(in crate::realm) const FIRST_ADMINISTRATION: usize = 26;

/// The right to amend users.
pub const AMEND_USER: &str = "AMEND_USER";

/// Whether the right with this code is an administration right.
pub fn is_administration(code: &str) -> bool {
    ADMINISTRATION.iter().any(|(known, _)| *known == code)
}
