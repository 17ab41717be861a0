//! `[templates]`: what mails may say beside what they are about.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mail::template;
use crate::mail::template::Template;
use crate::settings::root::Settings;

/// What templates may use beside their own values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Templates {
    /// Names and values, such as `{ DESK = "Rates" }` for `{{ DESK }}`; nothing of the environment
    /// is there by itself.
    pub variables: BTreeMap<String, String>,
}

/// A link begins with it.
pub(super) fn check_url(key: &str, url: &str, wrong: &mut Vec<String>) {
    if !template::is_url(url) {
        wrong.push(format!("{key} is an http or https address without a fragment"));
    }
}

/// Templates that cannot be read, or that use what they do not have.
pub(in crate::settings) fn check(settings: &Settings, wrong: &mut Vec<String>) {
    let mut check = |key: &str, text: &str, values: &[&str]| {
        if let Err(why) = Template::of(text).check(&settings.templates.variables, values) {
            wrong.push(format!("{key} cannot be used: {why}"));
        }
    };
    if let Some(reset) = &settings.security.genesis_password.self_service_reset {
        let key = "security.genesis_password.self_service_reset.reset_message";
        check(&format!("{key}.subject"), &reset.reset_message.subject, template::RESET);
        check(&format!("{key}.body"), &reset.reset_message.body, template::RESET);
    }
    if let Some(notify) = &settings.security.mfa.notify {
        check("security.mfa.notify.message_header", &notify.message_header, template::LINK);
        check("security.mfa.notify.message_body", &notify.message_body, template::LINK);
    }
}
