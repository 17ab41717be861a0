//! `[security.login_ack]`: additional contents of the login ack (Genesis authentication,
//! "loginAck").

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::ATTRIBUTES;

/// Additional contents of the login ack; they do not change what a user may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginAckSettings {
    /// Fields of the user's record to send under USER, such as `[{ field = "ACCESS_TYPE", prefix
    /// = "USER" }, { field = "CITY" }]`.
    #[schemars(extend("x-genesis-key" = "fields"))]
    pub fields: Vec<AckField>,
    /// Rules that add to PERMISSION, PROFILE and USER for some users, and take away.
    #[schemars(extend("x-genesis-key" = "customLoginAck"))]
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
    #[schemars(extend("x-genesis-key" = "withPrefix"))]
    pub prefix: String,
}

/// A rule for some users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomAck {
    /// Users that the rule is for; if `profiles` is empty, too: all users.
    pub users: Vec<String>,
    /// And the members of these profiles.
    pub profiles: Vec<String>,
    /// Codes to add to PERMISSION.
    #[schemars(extend("x-genesis-key" = "permissions"))]
    pub add_permissions: Vec<String>,
    /// Names to add to PROFILE.
    #[schemars(extend("x-genesis-key" = "profiles"))]
    pub add_profiles: Vec<String>,
    /// Codes to take out of PERMISSION.
    pub remove_permissions: Vec<String>,
    /// Names to take out of PROFILE.
    pub remove_profiles: Vec<String>,
    /// Fields to set under USER.
    #[schemars(extend("x-genesis-key" = "userPreferences"))]
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
