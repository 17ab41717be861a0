//! Profiles: named sets of rights.

use protocol::{Description, ProfileName};
use serde::{Deserialize, Serialize};

use super::ids::{Location, ProfileNo};

/// The record of a profile. Its rights and users are separate rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Its number.
    pub no: ProfileNo,
    /// The location part of its id.
    pub location: Location,
    /// Its unique name.
    pub name: ProfileName,
    /// Its description, for display.
    #[serde(default, skip_serializing_if = "Description::is_empty")]
    pub description: Description,
    /// Whether the users in the profile have its rights.
    pub status: ProfileStatus,
    /// RECORD_VERSION.
    #[serde(default)]
    pub version: u32,
}

/// STATUS of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProfileStatus {
    /// The users in the profile have its rights.
    Enabled,
    /// The users in the profile do not have its rights.
    Disabled,
}

impl ProfileStatus {
    /// Returns the name on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
        }
    }
}

impl Profile {
    /// Returns the id as it is displayed.
    pub fn id(&self) -> String {
        self.no.id(self.location)
    }
}
