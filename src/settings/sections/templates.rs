//! `[templates]`: what mails may say beside what they are about.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mail::template;

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
