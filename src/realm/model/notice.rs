//! Notices by mail about changes of an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::Millis;

/// What users get mails about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum NoticeTopic {
    PasswordChanged,
    PasswordReset,
    AddressChanged,
    FactorChanged,
    NewPlace,
}

impl NoticeTopic {
    /// All topics.
    pub const ALL: [Self; 5] = [
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::AddressChanged,
        Self::FactorChanged,
        Self::NewPlace,
    ];
}

/// What happened to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeEvent {
    /// The password was changed, with the old password.
    PasswordChanged,
    /// The password was reset: by a mailed link, by an administrator or on the command line.
    PasswordReset,
    /// EMAIL_ADDRESS was changed or cleared.
    AddressChanged,
    /// A second factor was added, replaced or enabled.
    FactorAdded,
    /// The second factor was removed or disabled.
    FactorRemoved,
    /// A login came from a place that the user did not log in from before.
    NewPlace,
}

impl NoticeEvent {
    /// Returns the topic to which the event belongs.
    pub const fn topic(self) -> NoticeTopic {
        match self {
            Self::PasswordChanged => NoticeTopic::PasswordChanged,
            Self::PasswordReset => NoticeTopic::PasswordReset,
            Self::AddressChanged => NoticeTopic::AddressChanged,
            Self::FactorAdded | Self::FactorRemoved => NoticeTopic::FactorChanged,
            Self::NewPlace => NoticeTopic::NewPlace,
        }
    }
}

/// A notice to a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What happened.
    pub event: NoticeEvent,
    /// When it happened.
    pub at: Millis,
    /// The address of the client; `None` if the gateway or the command line acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// The mail address that the user had before the event, so that a thief of the account cannot
    /// redirect the notice.
    pub to: Box<str>,
}
