//! Commands: everything that can change the realm. They carry answers, never questions or secrets.

use std::sync::Arc;

use protocol::{Description, ProfileName, RightCode, UserName};
use serde::{Deserialize, Serialize};

use super::login_payloads::{
    ConfirmSecret, CreateSecret, FinishLogin, MailSecret, MailSent, RequestReset, ResetByToken,
    SecondFactorInput, SyncDirectoryUser,
};
use super::record_payloads::{Amendment, ProfileSpec, ResetPassword, RightSpec, UserSpec};
use crate::realm::model::{
    Actor, AuthenticatedBy, EndReason, Fingerprint, LoginClient, Millis, Policy, SessionKind,
    SessionNo, TokenHash, TokenHashes, UserNo, UserStatus, Verdict,
};
use crate::realm::row::StoredRow;

/// One step of the realm. Stored in the log as JSON: variants and fields are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each variant is described by its payload")]
pub enum Command {
    SetPolicy(Policy),
    #[serde(alias = "Found")]
    Bootstrap(Bootstrap),
    AddUsers(Vec<NewUser>),
    SetCredential(SetCredential),
    Login(Login),
    Refresh(Refresh),
    End(SessionEnd),
    ChangePassword(ChangePassword),
    #[serde(alias = "Touch")]
    RecordSessionUse(Vec<SessionUse>),
    Sweep,
    InsertRight(Actor, RightSpec),
    InsertProfile(Actor, ProfileSpec),
    AmendProfile(Actor, ProfileSpec),
    DeleteProfile(Actor, ProfileSpec),
    DeleteRight(Actor, RightCode),
    InsertUser(Actor, UserSpec),
    AmendUser(Actor, Amendment, UserSpec),
    DeleteUser(Actor, UserSpec),
    ResetPassword(Actor, ResetPassword),
    ExpirePassword(Actor, UserName),
    SetAttempts(Actor, UserName, u32),
    #[serde(alias = "EndAnother")]
    EndOtherSession(Actor, SessionNo),
    Restore(Vec<StoredRow>),
    CreateOneTime(Actor, TokenHash),
    SpendOneTime(SpendOneTime),
    #[serde(alias = "AmendConnectors")]
    AmendTokenLifetimes(Actor, Vec<(TokenKind, Option<Millis>)>),
    #[serde(alias = "SetSaltCheck")]
    SetPepperCheck(Arc<str>),
    FinishLogin(FinishLogin),
    CreateSecret(CreateSecret),
    ConfirmSecret(ConfirmSecret),
    SetSecondFactor(Actor, UserName, bool),
    #[serde(alias = "Reseal")]
    ReencryptSecrets(Vec<(UserNo, Fingerprint, Arc<str>)>),
    RevokeCode(Actor, u64),
    #[serde(alias = "AskReset")]
    RequestReset(RequestReset),
    ResetByToken(ResetByToken),
    #[serde(alias = "Draw")]
    IssueMailSecret(u64, MailSecret),
    #[serde(alias = "Posted")]
    MailSent(u64, MailSent),
    #[serde(alias = "FromDirectory")]
    SyncDirectoryUser(SyncDirectoryUser),
    #[serde(alias = "Note")]
    RecordRefusals(Vec<RefusalCount>),
}

/// Where a command came from, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// MESSAGE_TYPE.
    pub event: Box<str>,
    /// The peer's address.
    pub host: Box<str>,
    /// REASON: what the sender said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// What was refused before any command was made of it, and how often lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCount {
    /// MESSAGE_TYPE.
    pub event: Box<str>,
    /// From where.
    pub host: Box<str>,
    /// Who asked, or as whom: of the newest.
    pub user_name: Option<UserName>,
    /// The refusal.
    pub code: Box<str>,
    /// How many.
    pub count: u32,
}

/// The first start: what is missing of the administration rights, USER_ADMIN and its first user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Code and description of the administration rights.
    pub rights: Vec<(RightCode, Description)>,
    /// The profile that gives them all.
    pub profile: ProfileName,
    /// The first administrator, if one is to be made.
    pub administrator: Option<NewUser>,
}

/// A user to insert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// The password's hash as a PHC string.
    pub credential: Option<Arc<str>>,
    /// Attributes by number.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub attributes: Box<[(u8, Box<str>)]>,
    /// Profiles to be in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileName>,
    /// What the user may do at all; none: enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<UserStatus>,
    /// Rights to hold directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<RightCode>,
}

/// A password set on the command line: ends the user's sessions and locks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetCredential {
    /// Whose.
    pub user_name: UserName,
    /// The new hash.
    pub credential: Arc<str>,
}

/// A login whose password was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// As whom.
    pub user_name: UserName,
    /// What the check said.
    pub verdict: Verdict,
    /// Against which credential; `None` if there was none.
    pub checked: Option<Fingerprint>,
    /// The session to open.
    #[serde(alias = "pair")]
    pub token_hashes: TokenHashes,
    /// From where.
    pub host: String,
    /// Whether a connection is bound to it, so that its heartbeats are monitored.
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// The same from where, as locks count it.
    #[serde(default)]
    #[serde(alias = "peer")]
    pub client: LoginClient,
    /// The password's hash by the cost of today, if its old one was by another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "renewed")]
    pub rehash: Option<Arc<str>>,
    /// What bounds the life of the session.
    #[serde(rename = "token_api", default, skip_serializing_if = "SessionKind::is_interactive")]
    #[serde(alias = "connector")]
    pub session_kind: SessionKind,
    /// The second factor.
    #[serde(default)]
    #[serde(alias = "second")]
    pub second_factor: SecondFactorInput,
    /// What checked the password.
    #[serde(flatten)]
    pub authenticated_by: AuthenticatedBy,
}

/// A refresh token was presented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refresh {
    /// Its hash.
    pub presented: TokenHash,
    /// The user who was named, if any.
    pub user_name: Option<UserName>,
    /// The new pair.
    #[serde(alias = "pair")]
    pub token_hashes: TokenHashes,
    /// The new pair in clear, encrypted with the presented token, in case it is presented again.
    #[serde(alias = "sealed")]
    pub encrypted: Vec<u8>,
    /// From where.
    pub host: String,
    /// The same, as locks count it.
    #[serde(default)]
    #[serde(alias = "peer")]
    pub client: LoginClient,
    /// Whether a socket is bound to it.
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// The second factor, where the session has none yet.
    #[serde(default)]
    #[serde(alias = "second")]
    pub second_factor: SecondFactorInput,
}

/// A session is to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// Which.
    pub session: SessionNo,
    /// Why.
    pub reason: EndReason,
    /// It is left alone if it was accessed after this time.
    pub unless_after: Option<Millis>,
}

/// A password change whose old password was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// Whose.
    pub user_name: UserName,
    /// What the check of the old password said.
    pub verdict: Verdict,
    /// Against which credential.
    pub checked: Option<Fingerprint>,
    /// The hash of the new password.
    pub credential: Option<Arc<str>>,
    /// Another user does it, by right.
    #[serde(alias = "by")]
    pub actor: Option<Actor>,
    /// The session that lives on.
    pub keep: Option<SessionNo>,
    /// From where.
    #[serde(default)]
    #[serde(alias = "peer")]
    pub client: LoginClient,
}

/// A one-time token was presented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpendOneTime {
    /// Its hash.
    pub token: TokenHash,
    /// Who verifies it, where that needs a right.
    #[serde(alias = "by")]
    pub actor: Option<Actor>,
}

/// A kind of token of S1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TokenKind {
    Access,
    Refresh,
    OneTime,
}

/// A session was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionUse {
    /// Which.
    pub session: SessionNo,
    /// When last.
    pub at: Millis,
    /// Whether a socket was ever bound to it.
    #[serde(alias = "watched")]
    pub monitored: bool,
}
