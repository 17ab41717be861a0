//! Queued mails.

use serde::{Deserialize, Serialize};

use super::default_value::is_default;
use super::ids::{Millis, UserNo};
use super::notice::Notice;
use super::session::TokenHash;

/// A mail that was not sent yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueuedMail {
    /// The number of the mail. The Message-ID consists of this number and `made`.
    pub no: u64,
    /// The recipient.
    pub user: UserNo,
    /// What the mail is about.
    pub kind: MailKind,
    /// When the mail was queued.
    pub made: Millis,
    /// When the next send attempt is due.
    pub due: Millis,
    /// Number of failed send attempts.
    #[serde(default)]
    #[serde(alias = "tries")]
    pub send_attempts: u32,
    /// Whether a secret (a code, token or password) was generated for the mail. The first send
    /// attempt has then begun, and later requests do not change the mail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[serde(alias = "drawn")]
    pub secret_issued: bool,
    /// The proof epoch of the user when the mail was queued. A mail of an earlier epoch is dropped.
    #[serde(default, skip_serializing_if = "is_default")]
    pub epoch: u32,
}

/// The subject matter of a mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MailKind {
    /// The link that completes the pending login with this token hash.
    Link(TokenHash),
    /// The link with which the user chooses a new password. Contains the page that the link opens,
    /// if the client named one; `None` means the configured page.
    Reset(Option<Box<str>>),
    /// The one-time password after a reset by an administrator.
    OneTimePassword,
    /// A notice about a change of the account. Its recipient is in the notice.
    Notice(Notice),
}
