//! Payloads of commands about second factors, resets, mails and directories.

use std::sync::Arc;

use protocol::{ProfileName, RightCode, UserName};
use serde::{Deserialize, Serialize};

use super::record_payloads::AttributeSpec;
use crate::realm::model::{Actor, Fingerprint, LoginClient, TokenHash, TokenHashes};

/// The second factor of a login, and what it may leave behind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecondFactorInput {
    /// What was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "given")]
    pub presented: Option<PresentedFactor>,
    /// The hash of the token of a pending login; none: there will be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "half")]
    pub pending_login: Option<TokenHash>,
    /// The hash of an active code, good once a link was proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(alias = "active")]
    pub active_code: Option<TokenHash>,
}

/// MFA_CODE, as far as it could be checked outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PresentedFactor {
    /// A code of digits.
    Totp {
        /// The sealed secret that it was checked against; none: there was none.
        checked: Option<Fingerprint>,
        /// The start of its period, in seconds of the epoch; none: it is wrong.
        at_secs: Option<u64>,
        /// The secret, sealed by the key of today, if its key was another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(alias = "resealed")]
        reencrypted: Option<Arc<str>>,
    },
    /// A recovery code, the code of a link or an active code, hashed: none can be guessed.
    Code(TokenHash),
}

/// The second factor of a login whose first one was right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FinishLogin {
    /// The hash of the pending login's token.
    pub token: TokenHash,
    /// The user who was named, if any.
    pub user_name: Option<UserName>,
    /// The session to open.
    #[serde(alias = "pair")]
    pub token_hashes: TokenHashes,
    /// From where.
    pub host: String,
    /// The same, as locks count it.
    #[serde(alias = "peer")]
    pub client: LoginClient,
    /// Whether a socket is bound to it.
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// The second factor.
    #[serde(alias = "second")]
    pub second_factor: SecondFactorInput,
}

/// Who creates and confirms secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum EnrolmentActor {
    /// A session, for its user or by right for another.
    #[serde(alias = "By")]
    Actor(Actor),
    /// The token of a pending login that asks for it, hashed.
    #[serde(alias = "Half")]
    PendingLogin(TokenHash),
}

/// A secret for the codes of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateSecret {
    /// Who creates it.
    #[serde(alias = "by")]
    pub actor: EnrolmentActor,
    /// For whom; none: for himself.
    pub user_name: Option<UserName>,
    /// The secret, sealed for that user.
    #[serde(alias = "sealed")]
    pub encrypted: Arc<str>,
}

/// A code of a secret that waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfirmSecret {
    /// Who confirms it.
    #[serde(alias = "by")]
    pub actor: EnrolmentActor,
    /// For whom; none: for himself.
    pub user_name: Option<UserName>,
    /// The sealed secret that the code was checked against.
    pub checked: Option<Fingerprint>,
    /// The start of the code's period, in seconds of the epoch; none: it is wrong.
    pub at_secs: Option<u64>,
    /// Recovery codes, hashed.
    pub recovery: Vec<TokenHash>,
}

/// A user asked for a link by which he can choose a new password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestReset {
    /// Who.
    pub user_name: UserName,
    /// The page of the link, where the client may name it.
    pub url: Option<Box<str>>,
}

/// A new password by a mailed token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetByToken {
    /// Whose.
    pub user_name: UserName,
    /// The token's hash.
    pub token: TokenHash,
    /// The hash of the new password.
    pub credential: Arc<str>,
    /// Whether the user's sessions live on.
    pub keep_sessions: bool,
}

/// What was drawn for a mail that is about to leave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MailSecret {
    /// The hash of a token or code.
    Token(TokenHash),
    /// The hash of a password.
    Password(Arc<str>),
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailSent {
    /// The server took it.
    Sent,
    /// It did not, this time.
    Failed,
    /// It would say nothing that is still so.
    Dropped,
}

/// What a directory says about a user whose password it confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncDirectoryUser {
    /// Who.
    pub user_name: UserName,
    /// Whether he is a local user, who only has to pass both checks.
    pub local: bool,
    /// Whether a user whom nobody knows is made.
    pub create: bool,
    /// Whether known attributes follow the directory.
    pub update: bool,
    /// Attributes by number; none: the directory has no value.
    pub attributes: Vec<AttributeSpec>,
    /// Profiles that the user is to be in.
    pub profiles: Vec<ProfileName>,
    /// Rights that a new user gets.
    pub rights: Vec<RightCode>,
    /// The profiles that follow the directory's groups; none: they do not.
    pub sync: Option<Vec<ProfileName>>,
}
