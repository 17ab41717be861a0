//! The section `[security.login_ack]` (Genesis authentication, "loginAck").

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::ATTRIBUTES;

/// Changes of the contents of the login ack. They do not change what a user may do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoginAckSettings {
    /// Fields of the user record that the login ack contains under USER, such as `[{ field =
    /// "ACCESS_TYPE", prefix = "USER" }, { field = "CITY" }]`; empty: no fields.
    #[schemars(extend("x-genesis-key" = "fields"))]
    pub fields: Vec<AckField>,
    /// Rules that change PERMISSION, PROFILE and USER in the login ack of some users, applied in
    /// the order of this list; empty: no rules.
    #[schemars(extend("x-genesis-key" = "customLoginAck"))]
    pub custom: Vec<CustomAck>,
}

/// A field of the user record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AckField {
    /// Name of the field in the user record.
    pub field: String,
    /// Prefix of the name under USER: the field is sent as PREFIX_FIELD; empty: as FIELD.
    #[serde(default)]
    #[schemars(extend("x-genesis-key" = "withPrefix"))]
    pub prefix: String,
}

/// A rule of the login ack for some users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomAck {
    /// Names of users that the rule applies to. If `users` and `profiles` are both empty, the rule
    /// applies to all users.
    pub users: Vec<String>,
    /// Names of profiles whose users the rule applies to, in addition to `users`.
    pub profiles: Vec<String>,
    /// Codes that are added to PERMISSION; empty: no codes.
    #[schemars(extend("x-genesis-key" = "permissions"))]
    pub add_permissions: Vec<String>,
    /// Names that are added to PROFILE; empty: no names.
    #[schemars(extend("x-genesis-key" = "profiles"))]
    pub add_profiles: Vec<String>,
    /// Codes that are removed from PERMISSION; empty: no codes.
    pub remove_permissions: Vec<String>,
    /// Names that are removed from PROFILE; empty: no names.
    pub remove_profiles: Vec<String>,
    /// Fields that are set under USER, each with its value: a flag, a number or a text; empty: no
    /// fields.
    #[schemars(extend("x-genesis-key" = "userPreferences"))]
    pub set_preferences: BTreeMap<String, Preference>,
    /// Names of fields that are removed from USER; empty: no fields.
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
                wrong.push(format!(
                    "security.login_ack.fields: {field} is not a field of the user record"
                ));
            }
        }
    }
}
