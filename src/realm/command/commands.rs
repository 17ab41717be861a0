//! The commands, which are the only way to change the realm.
//!
//! A command contains the results of work outside of the realm, such as verdicts and hashes, so
//! that every replay of the command log decides the same. Secrets are contained only as hashes or
//! encrypted.

use std::sync::Arc;

use protocol::{Description, ProfileName, RightCode, UserName};
use serde::{Deserialize, Serialize};

use super::login_payloads::{
    ConfirmSecret, CreateSecret, FinishLogin, MailSecret, MailSent, PresentedFactor, RequestReset,
    ResetByToken, SecondFactorInput, SyncDirectoryUser,
};
use super::record_payloads::{
    Amendment, ProfileSpec, ResetPassword, RightAmendment, RightSpec, UserSpec,
};
use crate::realm::model::{
    Actor, AuthenticatedBy, ConfiguredName, EndReason, Fingerprint, LoginClient, Millis, Policy,
    SessionKind, SessionNo, TokenHash, TokenHashes, UserNo, UserStatus, Verdict,
};
use crate::realm::row::{Edition, StoredRow};

/// A command. Stored in the command log as JSON, so variants and fields may only be added, or
/// renamed with an alias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "described by the payload or by the function that plans it")]
pub enum Command {
    SetPolicy(SetPolicy),
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
    AmendRight(Actor, RightAmendment),
    DeleteRight(Actor, RightCode),
    InsertUser(Actor, UserSpec),
    AmendUser(Actor, Amendment, UserSpec),
    DeleteUser(Actor, UserSpec),
    ResetPassword(Actor, ResetPassword),
    ExpirePassword(Actor, UserName),
    SetAttempts(Actor, UserName, u32),
    #[serde(alias = "EndAnother")]
    EndOtherSession(Actor, SessionNo),
    EndSessionsOf(Actor, UserName),
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
    RevokeCodesOf(Actor, UserName),
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
    RecoverAdministrator(RecoverAdministrator),
    Reauthenticate(Reauthenticate),
}

impl Command {
    /// Returns the actor of an administration command; `None` for a command of another kind.
    pub fn actor(&self) -> Option<&Actor> {
        match self {
            Self::InsertRight(actor, _)
            | Self::AmendRight(actor, _)
            | Self::DeleteRight(actor, _)
            | Self::InsertProfile(actor, _)
            | Self::AmendProfile(actor, _)
            | Self::DeleteProfile(actor, _)
            | Self::InsertUser(actor, _)
            | Self::AmendUser(actor, ..)
            | Self::DeleteUser(actor, _)
            | Self::ResetPassword(actor, _)
            | Self::ExpirePassword(actor, _)
            | Self::SetAttempts(actor, ..)
            | Self::EndOtherSession(actor, _)
            | Self::EndSessionsOf(actor, _)
            | Self::AmendTokenLifetimes(actor, _)
            | Self::SetSecondFactor(actor, ..)
            | Self::RevokeCode(actor, _)
            | Self::RevokeCodesOf(actor, _) => Some(actor),
            _ => None,
        }
    }
}

/// The message that caused a command, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// MESSAGE_TYPE.
    pub event: Box<str>,
    /// The address of the client.
    pub host: Box<str>,
    /// REASON of the message, if the sender gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// A count of messages that led to no command: refused messages and dry runs. Messages with the
/// same client network, user, target, event and code are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCount {
    /// MESSAGE_TYPE; OTHERS for the count of all messages that are not counted separately.
    pub event: Box<str>,
    /// The address of the first client; `(others)` for OTHERS.
    pub host: Box<str>,
    /// The session's user, or else the name that the client sent, which may belong to no user.
    pub user_name: Option<UserName>,
    /// The name of the user or record that the messages were about, if they named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Box<str>>,
    /// The code of the NACK; REFUSED for OTHERS; OK for a message that succeeded without a command.
    pub code: Box<str>,
    /// Number of messages.
    pub count: u32,
    /// Whether the messages were dry runs (VALIDATE).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The policy, and the names in the configuration on which decisions depend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SetPolicy {
    /// The policy.
    #[serde(flatten)]
    pub policy: Policy,
    /// Names in the configuration, each with the key that contains it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<(ConfiguredName, Box<str>)>,
}

impl From<Policy> for SetPolicy {
    fn from(policy: Policy) -> Self {
        Self { policy, names: Vec::new() }
    }
}

/// The bootstrap: creates missing administration rights, the profile USER_ADMIN and the first
/// administrator. Puts an edition of the rules into force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Code and description of the administration rights.
    pub rights: Vec<(RightCode, Description)>,
    /// The name of the profile that grants all these rights.
    pub profile: ProfileName,
    /// The first administrator; `None` if no user is to be created.
    pub administrator: Option<NewUser>,
    /// The edition of the rules.
    #[serde(default, skip_serializing_if = "Edition::is_first")]
    pub edition: Edition,
}

/// The recovery of the administration on the command line: the profile of the bootstrap exists, is
/// enabled and grants all administration rights, and this user is enabled and in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoverAdministrator {
    /// The user, who is created if no user has the name.
    pub user_name: UserName,
    /// The name of the profile if it must be created.
    pub profile: ProfileName,
    /// Code and description of the administration rights.
    pub rights: Vec<(RightCode, Description)>,
    /// The hash of the one-time password of the user.
    pub credential: Arc<str>,
    /// Whether the second factor of the user stays.
    pub keep_factor: bool,
}

/// A user to insert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name.
    pub name: UserName,
    /// The hash of the password as a PHC string; `None` if the user has no password.
    pub credential: Option<Arc<str>>,
    /// Attributes by number.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub attributes: Box<[(u8, Box<str>)]>,
    /// Profiles of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileName>,
    /// The status; `None` means enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<UserStatus>,
    /// Rights that are granted directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rights: Vec<RightCode>,
}

/// A new password of a user, set on the command line. The user's sessions and locks end, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetCredential {
    /// The user.
    pub user_name: UserName,
    /// The new hash.
    pub credential: Arc<str>,
}

/// A login whose password was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// The user name of the login.
    pub user_name: UserName,
    /// The result of the password check.
    pub verdict: Verdict,
    /// The credential that the password was checked against; `None` if the user has no credential.
    pub checked: Option<Fingerprint>,
    /// The id and the token hashes of the session to open.
    #[serde(alias = "pair")]
    pub token_hashes: TokenHashes,
    /// The address of the client.
    pub host: String,
    /// Whether a connection is bound to the session, so that its heartbeats are monitored.
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// The properties of the client on which locks depend.
    #[serde(default)]
    #[serde(alias = "peer")]
    pub client: LoginClient,
    /// The rehash: a new hash of the password at the current cost, if the stored hash has another
    /// cost or comes from another system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(alias = "renewed")]
    pub rehash: Option<Arc<str>>,
    /// The kind of the session to open, which decides how it ends if the user does not log out.
    #[serde(rename = "token_api", default, skip_serializing_if = "SessionKind::is_interactive")]
    #[serde(alias = "connector")]
    pub session_kind: SessionKind,
    /// The second factor, and the tokens that the login may issue.
    #[serde(default)]
    #[serde(alias = "second")]
    pub second_factor: SecondFactorInput,
    /// The authority that checked the password.
    #[serde(flatten)]
    pub authenticated_by: AuthenticatedBy,
}

/// A refresh by a presented refresh token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refresh {
    /// The hash of the presented token.
    pub presented: TokenHash,
    /// The user that the message named, if any.
    pub user_name: Option<UserName>,
    /// The new SESSION_ID and the hashes of the new token pair.
    #[serde(alias = "pair")]
    pub token_hashes: TokenHashes,
    /// The new token pair, encrypted with the presented token. If the same token is presented again
    /// during the grace period, the reply contains this pair.
    #[serde(alias = "sealed")]
    pub encrypted: Vec<u8>,
    /// The address of the client.
    pub host: String,
    /// The properties of the client on which locks depend.
    #[serde(default)]
    #[serde(alias = "peer")]
    pub client: LoginClient,
    /// Whether a connection is bound to the session.
    #[serde(alias = "watched")]
    pub monitored: bool,
    /// The second factor. Checked only if no second factor was proved for the session before.
    #[serde(default)]
    #[serde(alias = "second")]
    pub second_factor: SecondFactorInput,
}

/// The end of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// The session.
    pub session: SessionNo,
    /// Why it ends.
    pub reason: EndReason,
    /// If the session was used after this time, it does not end. `None` means that the session ends
    /// in any case.
    pub unless_after: Option<Millis>,
}

/// A password change whose old password was checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The user.
    pub user_name: UserName,
    /// The result of the check of the old password.
    pub verdict: Verdict,
    /// The credential that the old password was checked against; `None` if the user has no
    /// credential.
    pub checked: Option<Fingerprint>,
    /// The hash of the new password; `None` if the old password was wrong.
    pub credential: Option<Arc<str>>,
    /// The sender who changes the password of another user, which requires CHANGE_PWD; `None` if
    /// users change their own passwords.
    #[serde(alias = "by")]
    pub actor: Option<Actor>,
    /// The session that stays live; all other sessions of the user end. `None` means that all end.
    pub keep: Option<SessionNo>,
    /// The properties of the client on which locks depend.
    #[serde(default)]
    #[serde(alias = "peer")]
    pub client: LoginClient,
    /// The second factor that the client sent, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presented: Option<PresentedFactor>,
    /// The hash of a token that the connection keeps: with it, a login on the connection within two
    /// minutes needs no second code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_factor: Option<TokenHash>,
}

/// A proof of the password, and of the second factor, by the user of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reauthenticate {
    /// The session.
    pub session: SessionNo,
    /// The result of the password check.
    pub verdict: Verdict,
    /// The credential that the password was checked against; `None` if the user has no credential.
    pub checked: Option<Fingerprint>,
    /// The authority that checked the password.
    #[serde(flatten)]
    pub authenticated_by: AuthenticatedBy,
    /// The second factor that the client sent, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presented: Option<PresentedFactor>,
    /// The properties of the client on which locks depend.
    pub client: LoginClient,
}

/// The verification of a presented one-time token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpendOneTime {
    /// The hash of the presented token.
    pub token: TokenHash,
    /// The sender, who must hold VERIFY_OTT; `None` if no right is required.
    #[serde(alias = "by")]
    pub actor: Option<Actor>,
}

/// A kind of token of the token API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum TokenKind {
    Access,
    Refresh,
    OneTime,
}

/// A report that a session was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionUse {
    /// The session.
    pub session: SessionNo,
    /// When the session was last used.
    pub at: Millis,
    /// Whether a connection was ever bound to the session.
    #[serde(alias = "watched")]
    pub monitored: bool,
}
