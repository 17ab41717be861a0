//! Payloads of commands about second factors, resets, mails and directories.

use std::sync::Arc;

use protocol::{ProfileName, RightCode, UserName};
use serde::{Deserialize, Serialize};

use super::record_payloads::AttributeSpec;
use crate::realm::model::{Actor, Fingerprint, LoginClient, TokenHash, TokenHashes};

/// The second factor of a login, and the tokens that the login may issue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecondFactorInput {
    /// The second factor that the client sent, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "given")]
    pub presented: Option<PresentedFactor>,
    /// The hash of the token for a pending login; `None` if no pending login may be created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "half")]
    pub pending_login: Option<TokenHash>,
    /// The hash of an active code, which becomes valid if the code of a mailed link is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "active")]
    pub active_code: Option<TokenHash>,
    /// The hash of a token by which the connection proves a second factor that was accepted shortly
    /// before, at the change of a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<TokenHash>,
}

/// The second factor in MFA_CODE. The handler has already checked a TOTP code; the realm checks all
/// other codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PresentedFactor {
    /// A TOTP code.
    Totp {
        /// The encrypted secret that the code was checked against; `None` if the user has no
        /// secret.
        checked: Option<Fingerprint>,
        /// The start of the period of the code, in epoch seconds; `None` if the code is wrong.
        at_secs: Option<u64>,
        /// The secret encrypted with the current key, if the stored secret is encrypted with an
        /// older key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(alias = "resealed")]
        reencrypted: Option<Arc<str>>,
    },
    /// The hash of a code: a recovery code, the code of a mailed link, or an active code. A fast
    /// hash suffices, because these codes are too long to be guessed.
    Code(TokenHash),
}

/// The completion of a pending login by its second factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinishLogin {
    /// The hash of the pending login's token.
    pub token: TokenHash,
    /// The user that the message named, if any.
    pub user_name: Option<UserName>,
    /// The id and the token hashes of the session to open.
    #[serde(alias = "pair")]
    pub token_hashes: TokenHashes,
    /// The address of the client.
    pub host: String,
    /// The properties of the client on which locks depend.
    #[serde(alias = "peer")]
    pub client: LoginClient,
    /// Whether a connection is bound to the session.
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// The second factor, and the tokens that the login may issue.
    #[serde(alias = "second")]
    pub second_factor: SecondFactorInput,
}

/// The sender of a command that creates or confirms a TOTP secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EnrolmentActor {
    /// A session or the operator. A session needs the required right to act for another user.
    #[serde(alias = "By")]
    Actor(Actor),
    /// The hash of the token of a pending login that requires enrolment.
    #[serde(alias = "Half")]
    PendingLogin(TokenHash),
}

/// A new TOTP secret of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateSecret {
    /// The sender of the command.
    #[serde(alias = "by")]
    pub actor: EnrolmentActor,
    /// The user of the secret; `None` means the user of the sender.
    pub user_name: Option<UserName>,
    /// The secret, encrypted for that user.
    #[serde(alias = "sealed")]
    pub encrypted: Arc<str>,
}

/// The confirmation of a new TOTP secret by one of its codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfirmSecret {
    /// The sender of the command.
    #[serde(alias = "by")]
    pub actor: EnrolmentActor,
    /// The user of the secret; `None` means the user of the sender.
    pub user_name: Option<UserName>,
    /// The encrypted secret that the code was checked against; `None` if the user has no new
    /// secret.
    pub checked: Option<Fingerprint>,
    /// The start of the period of the code, in epoch seconds; `None` if the code is wrong.
    pub at_secs: Option<u64>,
    /// Hashes of the new recovery codes.
    pub recovery: Vec<TokenHash>,
}

/// A request for a mailed link with which the user can choose a new password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestReset {
    /// The user.
    pub user_name: UserName,
    /// The page that the link opens, if the client named one; `None` means the configured page.
    pub url: Option<Box<str>>,
}

/// A new password, permitted by a mailed token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetByToken {
    /// The user.
    pub user_name: UserName,
    /// The hash of the token.
    pub token: TokenHash,
    /// The hash of the new password.
    pub credential: Arc<str>,
    /// Whether the sessions of the user stay live.
    pub keep_sessions: bool,
}

/// The hash of the secret in a mail. The secret is generated just before the mail is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MailSecret {
    /// The hash of a token or code.
    Token(TokenHash),
    /// The hash of a password.
    Password(Arc<str>),
}

/// The result of a send attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailSent {
    /// The mail was sent.
    Sent,
    /// The attempt failed; a later attempt may succeed.
    Failed,
    /// The mail was not sent, because its contents are obsolete.
    Dropped,
}

/// The record of a user according to the directory that confirmed the password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncDirectoryUser {
    /// The user.
    pub user_name: UserName,
    /// Whether the user is a local user, whose password both the gateway and the directory check
    /// (authentication type HYBRID).
    pub local: bool,
    /// Whether an unknown user is created.
    pub create: bool,
    /// Whether the attributes of a known user are updated.
    pub update: bool,
    /// Attributes by number; a text is `None` if the directory has no value.
    pub attributes: Vec<AttributeSpec>,
    /// Profiles of the user, according to the directory.
    pub profiles: Vec<ProfileName>,
    /// Rights that are granted directly to a new user.
    pub rights: Vec<RightCode>,
    /// All profiles that the directory controls. The user is removed from each of these profiles
    /// that is not in `profiles`. `None` if the profiles of known users are not synchronized.
    pub sync: Option<Vec<ProfileName>>,
}
