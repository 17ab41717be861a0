//! What `[security.login_ack]` makes of PERMISSION, PROFILE and USER (S2, "loginAck" and
//! "customLoginAck"). Only the ack is different: what a user may do is not.

use protocol::to_json_value;
use serde_json::{Map, Value};

use crate::realm::{ATTRIBUTES, User};
use crate::settings::{CustomAck, LoginAckSettings};

/// The lists of a login ack.
pub(super) struct AckLists {
    pub(super) permission: Vec<String>,
    pub(super) profile: Vec<String>,
    pub(super) user: Map<String, Value>,
}

impl AckLists {
    /// The fields of the user's record that are asked for; what is not set is null.
    pub(super) fn from_user(settings: &LoginAckSettings, user: &User) -> Self {
        let field = |asked: &crate::settings::AckField| {
            let name = match asked.prefix.as_str() {
                "" => asked.field.clone(),
                prefix => format!("{prefix}_{}", asked.field),
            };
            let number = (0u8..).zip(ATTRIBUTES).find(|(_, name)| **name == asked.field);
            (name, number.and_then(|(number, _)| user.attribute(number)).into())
        };
        let user = settings.fields.iter().map(field).collect();
        Self { permission: Vec::new(), profile: Vec::new(), user }
    }

    /// After the rules that are for this user, in their order. Whose it is, is asked of the
    /// profiles that the user is in, not of those that a rule added.
    pub(super) fn apply_rules(mut self, settings: &LoginAckSettings, user: &User) -> Self {
        let own = self.profile.clone();
        for rule in settings.custom.iter().filter(|rule| applies_to(rule, user, &own)) {
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
    let everybody = rule.users.is_empty() && rule.profiles.is_empty();
    everybody
        || rule.users.iter().any(|name| user.name.is(name))
        || rule.profiles.iter().any(|name| profiles.contains(name))
}

/// Adds what is not there yet and takes out.
fn amend(list: &mut Vec<String>, add: &[String], remove: &[String]) {
    for name in add {
        if !list.contains(name) {
            list.push(name.clone());
        }
    }
    list.retain(|name| !remove.contains(name));
}
