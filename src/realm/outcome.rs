//! The outcome of a command.
//!
//! A refusal is an outcome, not an error, because a refused command can change state.

use std::sync::Arc;

use protocol::{NackCode, UserName};

use super::model::{
    AuditEvent, EndReason, MfaReason, Millis, RequiredFactor, SessionId, SessionNo, UserNo,
    UserStatus,
};
use super::row::Change;

/// The decision on one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The outcome for the sender of the command.
    pub outcome: Outcome,
    /// The changed rows, in the order in which they must be applied.
    pub changes: Vec<Change>,
    /// Sessions that ended; the caller closes their connections.
    pub ended: Vec<Ended>,
    /// The rows for the audit trail.
    pub audit: Vec<Arc<AuditEvent>>,
}

impl Applied {
    pub(super) fn done(outcome: Outcome, changes: Vec<Change>) -> Self {
        Self { outcome, changes, ended: Vec::new(), audit: Vec::new() }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::done(Outcome::Refused(refusal), Vec::new())
    }
}

/// A session that ended, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The session.
    pub session: SessionNo,
    /// Its user.
    pub user: UserNo,
    /// Why it ended.
    pub reason: EndReason,
}

/// The outcome of a command for its sender.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The command was accepted and has no further result.
    Done,
    /// The entry was applied before; the repeat was ignored.
    Repeated,
    /// A session was opened.
    LoggedIn(SessionNo),
    /// A session was opened by a mailed link; the active code that the command carried is now
    /// valid.
    LoggedInWithActiveCode(SessionNo),
    /// The first factor is right, but the second factor is missing or wrong. The token of the
    /// pending login is now valid.
    SecondFactorRequired(MfaReason, RequiredFactor),
    /// A session has a new token pair.
    Refreshed(SessionNo),
    /// The refresh token was used before, but its grace period has not ended. Contains the
    /// encrypted token pair that the first use returned.
    RotatedEarlier(SessionNo, Vec<u8>),
    /// The one-time token of this user was spent.
    OneTimeTokenUsed(UserName),
    /// Sessions were ended. Contains their number. After a sweep, the number includes the other
    /// expired rows that were deleted.
    EndedSessions(usize),
    /// A right was inserted or deleted.
    #[expect(missing_docs, reason = "the id of the record")]
    Right { id: String },
    /// A profile was inserted, amended or deleted.
    Profile(ChangedLists),
    /// A user was inserted, amended or deleted, or an administrator reset or expired the password.
    User(ChangedLists),
    /// The command was refused.
    Refused(Refusal),
}

/// A profile or a user after a command, and what was added to and removed from its lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedLists {
    /// The record's id.
    pub id: String,
    /// RECORD_VERSION after the command.
    pub version: u32,
    /// Codes of added rights.
    pub rights_added: Vec<String>,
    /// Codes of removed rights.
    pub rights_removed: Vec<String>,
    /// Names of the users added to a profile, or of the profiles added to a user.
    pub memberships_added: Vec<String>,
    /// Names of the users removed from a profile, or of the profiles removed from a user.
    pub memberships_removed: Vec<String>,
}

/// The reason for the refusal of a command. The text for the client is added outside of the realm.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// No user has the name.
    UnknownAccount,
    /// The password is wrong. Also used for an unknown user name if the policy hides which names
    /// exist.
    IncorrectCredentials,
    /// The user name is locked until a time, after wrong passwords or codes; `None` means that the
    /// user is disabled.
    #[expect(missing_docs, reason = "when the lock ends")]
    Locked { until: Option<Millis> },
    /// The password is right and must be changed first.
    PasswordChangeRequired(UserStatus),
    /// The user has the maximum number of live sessions, which are listed.
    SessionLimit(Vec<SessionSummary>),
    /// The credential or TOTP secret changed while the password or code was checked; the check must
    /// be repeated.
    StaleCredential,
    /// The session does not exist or has ended.
    NoSession,
    /// The token (a refresh token, or that of a pending login) is unknown, expired, revoked or
    /// already used.
    RefreshExpired,
    /// The sender lacks this right.
    NotAuthorised(String),
    /// The sender has the right of the command, but may not make this change.
    BeyondAuthority(AuthorityLimit),
    /// This key of the configuration names the profile, which can therefore be neither renamed nor
    /// deleted.
    NamedByConfiguration(String),
    /// The gateway requires the right with this code, which can therefore not be deleted.
    RequiredRight(String),
    /// The user of this name is disabled and must be enabled first.
    Disabled(String),
    /// Kind and name of a record that depends on the record to be deleted.
    HasDependents(&'static str, String),
    /// Field and value that another record has already.
    Duplicate(&'static str, String),
    /// Kind and name of a record that does not exist.
    NotFound(&'static str, String),
    /// The id and the name in this field belong to different records.
    IdNameMismatch(&'static str),
    /// This field contains no valid id of its kind.
    InvalidId(&'static str),
    /// RECORD_VERSION of the message is not the current version of the record. Contains the current
    /// version.
    VersionConflict(u32),
    /// No user who can log in would hold all administration rights.
    LastAdministrator,
    /// The user has the maximum number of one-time tokens; the first of them expires at this time.
    OneTimeTokenLimit(Millis),
    /// The one-time token or reset token is unknown, used or expired. Also the refusal of a mail
    /// secret whose queued mail is no longer needed.
    InvalidOneTimeToken,
    /// The second factor is missing, wrong or not set up, or a new secret was not confirmed in
    /// time. Contains the required factor.
    SecondFactor(MfaReason, RequiredFactor),
    /// The password was not proved recently for the session of the sender.
    ReauthenticationRequired,
    /// A directory manages the password of this user.
    ManagedByDirectory,
    /// The directory confirmed a user name that belongs to a local user, whose password the gateway
    /// checks.
    LocalUser,
    /// The user can request the next reset at this time.
    ResetCooldown(Millis),
    /// The mail queue is full.
    MailQueueFull,
    /// The refresh token would not outlive the access token.
    InvalidLifetimes,
    /// A row would exceed the maximum size of a stored value.
    TooLong,
    /// A row of an import is invalid. Contains the error.
    InvalidRow(String),
}

impl Refusal {
    /// Returns the code of the NACK.
    pub const fn code(&self) -> NackCode {
        match self {
            Self::UnknownAccount => NackCode::UnknownAccount,
            Self::IncorrectCredentials => NackCode::IncorrectCredentials,
            Self::Locked { .. } => NackCode::LockedAccount,
            Self::PasswordChangeRequired(_) => NackCode::PasswordExpired,
            Self::SessionLimit(_) => NackCode::MaxActiveSessionsReached,
            Self::StaleCredential => NackCode::LoginFail,
            Self::NoSession | Self::RefreshExpired => NackCode::SessionExpired,
            Self::NotAuthorised(_) | Self::BeyondAuthority(_) => NackCode::NotAuthorised,
            Self::Disabled(_) | Self::TooLong | Self::InvalidRow(_) => NackCode::ValidationError,
            Self::HasDependents(..) | Self::NamedByConfiguration(_) | Self::RequiredRight(_) => {
                NackCode::DependentRecordFound
            }
            Self::Duplicate(..) => NackCode::DuplicateKey,
            Self::NotFound(..) => NackCode::RecordNotFound,
            Self::IdNameMismatch(_) | Self::InvalidId(_) => NackCode::InvalidParameter,
            Self::VersionConflict(_) => NackCode::OptimisticConcurrencyError,
            Self::OneTimeTokenLimit(_) | Self::ResetCooldown(_) => NackCode::TooManyRequests,
            Self::SecondFactor(..) => NackCode::MfaFailed,
            Self::ReauthenticationRequired => NackCode::ReauthenticationRequired,
            Self::ManagedByDirectory => NackCode::NotAuthorised,
            Self::LocalUser => NackCode::IncorrectCredentials,
            Self::MailQueueFull => NackCode::Unavailable,
            Self::InvalidOneTimeToken => NackCode::InvalidToken,
            Self::InvalidLifetimes => NackCode::InvalidParameter,
            Self::LastAdministrator => NackCode::LastAdministrator,
        }
    }
}

/// Why the authority of a sender does not suffice for a change. Contains the first right that the
/// sender lacks.
#[derive(Debug, Clone, PartialEq)]
pub enum AuthorityLimit {
    /// The change would grant this right.
    Grant(String),
    /// The user to be changed has this right.
    User(String),
    /// The profile to be changed has this right.
    Profile(String),
    /// The change would relax what holds for the sender's own user.
    OwnUser,
}

/// A session as MAX_ACTIVE_SESSIONS_REACHED lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// SESSION_ID.
    pub id: SessionId,
    /// The address of the client.
    pub host: String,
    /// LAST_ACCESS_TIME, in epoch milliseconds.
    pub accessed: Millis,
}
