//! Mails that wait to be sent.

use serde::{Deserialize, Serialize};

use super::ids::{Millis, UserNo};
use super::session::TokenHash;

/// A mail that has not been sent yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueuedMail {
    /// Its number; Message-ID is made of it and of `made`.
    pub no: u64,
    /// To whom.
    pub user: UserNo,
    /// What about.
    pub kind: MailKind,
    /// When it was queued.
    pub made: Millis,
    /// When it is to be tried next.
    pub due: Millis,
    /// How often it was tried in vain.
    #[serde(default)]
    #[serde(alias = "tries")]
    pub send_attempts: u32,
    /// What it says was drawn: it is about to leave, and takes in nothing more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[serde(alias = "drawn")]
    pub secret_issued: bool,
}

/// What a mail is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MailKind {
    /// The link that finishes this pending login.
    Link(TokenHash),
    /// The link by which the user chooses a new password; the page, where the client named it.
    Reset(Option<Box<str>>),
    /// The password that an administrator's reset left.
    OneTimePassword,
}
