//! The section `[templates]`: variables of mail templates.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mail::template;

/// Variables that mail templates may use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Templates {
    /// Values of variables by name: `{ DESK = "Rates" }` defines the variable `{{ DESK }}`; empty:
    /// no variables. Templates cannot use environment variables.
    pub variables: BTreeMap<String, String>,
}

/// Checks that a URL is valid as the beginning of a mailed link.
pub(super) fn check_url(key: &str, url: &str, wrong: &mut Vec<String>) {
    if !template::is_url(url) {
        wrong.push(format!("{key} must be an http or https URL without a fragment"));
    }
}
