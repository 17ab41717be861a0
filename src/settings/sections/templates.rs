//! `[templates]`: variables of mail templates.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mail::template;

/// Variables that mail templates may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Templates {
    /// Names and values, such as `{ DESK = "Rates" }` for `{{ DESK }}`; variables of the
    /// environment are not included.
    pub variables: BTreeMap<String, String>,
}

/// A link begins with it.
pub(super) fn check_url(key: &str, url: &str, wrong: &mut Vec<String>) {
    if !template::is_url(url) {
        wrong.push(format!("{key} is an http or https address without a fragment"));
    }
}
