//! Profiles: named sets of rights.

use protocol::{Description, ProfileName};
use serde::{Deserialize, Serialize};

use super::ids::{Location, ProfileNo};
/// A profile's record; its rights and users are rows of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Its number.
    pub no: ProfileNo,
    /// Where its id was made.
    pub location: Location,
    /// Its name: unique.
    pub name: ProfileName,
    /// What people read.
    #[serde(default, skip_serializing_if = "Description::is_empty")]
    pub description: Description,
    /// Whether it gives its rights.
    pub status: ProfileStatus,
    /// RECORD_VERSION.
    #[serde(default)]
    pub version: u32,
}

/// STATUS of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProfileStatus {
    /// Its users have its rights.
    Enabled,
    /// It gives nothing.
    Disabled,
}

impl ProfileStatus {
    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
        }
    }
}

impl Profile {
    /// The id that people see.
    pub fn id(&self) -> String {
        self.no.id(self.location)
    }
}
