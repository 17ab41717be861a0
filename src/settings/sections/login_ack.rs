//! `[security.login_ack]`: what the login ack tells beside the protocol's fields (S2, "loginAck").

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::ATTRIBUTES;

/// What the login ack tells beside the protocol's fields; nothing of it changes what a user may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginAckSettings {
    /// Fields of the user's record that stand under USER, such as `[{ field = "ACCESS_TYPE", prefix
    /// = "USER" }, { field = "CITY" }]`.
    #[schemars(extend("x-s2" = "fields"))]
    pub fields: Vec<AckField>,
    /// Rules that add to PERMISSION, PROFILE and USER for some users, and take away.
    #[schemars(extend("x-s2" = "customLoginAck"))]
    pub custom: Vec<CustomAck>,
}

/// A field of the user's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AckField {
    /// Its name in the record.
    pub field: String,
    /// It is called PREFIX_FIELD; empty: FIELD.
    #[serde(default)]
    #[schemars(extend("x-s2" = "withPrefix"))]
    pub prefix: String,
}

/// A rule for some users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomAck {
    /// Whom it is for; with `profiles` empty, too: everybody.
    pub users: Vec<String>,
    /// And the members of these profiles.
    pub profiles: Vec<String>,
    /// Codes to add to PERMISSION.
    #[schemars(extend("x-s2" = "permissions"))]
    pub add_permissions: Vec<String>,
    /// Names to add to PROFILE.
    #[schemars(extend("x-s2" = "profiles"))]
    pub add_profiles: Vec<String>,
    /// Codes to take out of PERMISSION.
    pub remove_permissions: Vec<String>,
    /// Names to take out of PROFILE.
    pub remove_profiles: Vec<String>,
    /// Fields to set under USER.
    #[schemars(extend("x-s2" = "userPreferences"))]
    pub set_preferences: BTreeMap<String, Preference>,
    /// Fields to take out of USER.
    pub remove_preferences: Vec<String>,
}

/// The value of a field under USER.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Preference {
    Flag(bool),
    Number(i64),
    Decimal(f64),
    Text(String),
}

impl LoginAckSettings {
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        for AckField { field, .. } in &self.fields {
            if !ATTRIBUTES.contains(&field.as_str()) {
                wrong.push(format!("security.login_ack.fields: a user has no field {field}"));
            }
        }
    }
}
