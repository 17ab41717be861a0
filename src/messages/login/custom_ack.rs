//! PERMISSION, PROFILE and USER of the login ack, customised by `[security.login_ack]`.
//!
//! See Genesis authentication, "loginAck" and "customLoginAck". The rules change only the ack, not
//! what a user may do.

use protocol::to_json_value;
use serde_json::{Map, Value};

use crate::realm::{ATTRIBUTES, User};
use crate::settings::{CustomAck, LoginAckSettings};

/// PERMISSION, PROFILE and USER of a login ack.
pub(super) struct AckLists {
    pub(super) permission: Vec<String>,
    pub(super) profile: Vec<String>,
    pub(super) user: Map<String, Value>,
}

impl AckLists {
    /// Makes USER from the configured fields of the user's record; a field that is not set is null.
    /// PERMISSION and PROFILE are still empty.
    pub(super) fn from_user(settings: &LoginAckSettings, user: &User) -> Self {
        let field = |wanted: &crate::settings::AckField| {
            let name = match wanted.prefix.as_str() {
                "" => wanted.field.clone(),
                prefix => format!("{prefix}_{}", wanted.field),
            };
            let number = (0u8..).zip(ATTRIBUTES).find(|(_, name)| **name == wanted.field);
            (name, number.and_then(|(number, _)| user.attribute(number)).into())
        };
        let user = settings.fields.iter().map(field).collect();
        Self { permission: Vec::new(), profile: Vec::new(), user }
    }

    /// Applies the rules for this user in their order. Whether a rule applies depends on the
    /// profiles of the user, not on profiles that an earlier rule added or removed.
    pub(super) fn apply_rules(mut self, settings: &LoginAckSettings, user: &User) -> Self {
        let profiles = self.profile.clone();
        for rule in settings.custom.iter().filter(|rule| applies_to(rule, user, &profiles)) {
            amend(&mut self.permission, &rule.add_permissions, &rule.remove_permissions);
            amend(&mut self.profile, &rule.add_profiles, &rule.remove_profiles);
            for (name, value) in &rule.set_preferences {
                self.user.insert(name.clone(), to_json_value(value));
            }
            self.user.retain(|name, _| !rule.remove_preferences.contains(name));
        }
        self
    }
}

fn applies_to(rule: &CustomAck, user: &User, profiles: &[String]) -> bool {
    let is_for_all = rule.users.is_empty() && rule.profiles.is_empty();
    is_for_all
        || rule.users.iter().any(|name| user.name.is(name))
        || rule.profiles.iter().any(|name| profiles.contains(name))
}

/// Adds the names of `add` that are missing from the list, then removes the names of `remove`.
fn amend(list: &mut Vec<String>, add: &[String], remove: &[String]) {
    for name in add {
        if !list.contains(name) {
            list.push(name.clone());
        }
    }
    list.retain(|name| !remove.contains(name));
}
