//! The section `[security.notices]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::realm::NoticeTopic;

/// Notices by mail about changes of an account. The transport of these mails, in `mail.transport`
/// or for the topic NOTICE in `mail.topics`, must not be "off".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notices {
    /// What users get mails about: "password_changed", their password was changed;
    /// "password_reset", it was reset; "address_changed", their EMAIL_ADDRESS was changed (the mail
    /// goes to the former address); "factor_changed", a second factor was added or removed;
    /// "new_place", a login came from a network that the user did not log in from before.
    pub topics: Vec<NoticeTopic>,
}

impl Default for Notices {
    fn default() -> Self {
        Self { topics: NoticeTopic::ALL.to_vec() }
    }
}
