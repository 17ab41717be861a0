//! What a command came to. A refusal is an outcome, not an error: it can change state.

use std::sync::Arc;

use protocol::{NackCode, UserName};

use super::model::{
    AuditEvent, EndReason, MfaReason, Millis, RequiredFactor, SessionId, SessionNo, UserNo,
    UserStatus,
};
use super::row::Change;

/// What one command did: the answer, the rows that differ and the sessions that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The answer.
    pub outcome: Outcome,
    /// What is different now, in order.
    pub changes: Vec<Change>,
    /// Sessions that no longer serve; their sockets are closed.
    pub ended: Vec<Ended>,
    /// What the audit trail keeps of it.
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
    /// Which.
    pub session: SessionNo,
    /// Whose.
    pub user: UserNo,
    /// Why.
    pub reason: EndReason,
}

/// The answer to the sender of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done, with no more to say.
    Done,
    /// The entry had been applied before; it was dropped.
    Repeated,
    /// A session was opened.
    LoggedIn(SessionNo),
    /// A session was opened by a mailed link; the active code that came along is good now.
    LoggedInWithActiveCode(SessionNo),
    /// The first factor is right, the second is not there: the token of the pending login is good
    /// now.
    SecondFactorRequired(MfaReason, RequiredFactor),
    /// A session has a new pair.
    Refreshed(SessionNo),
    /// The refresh token had been used a moment ago: the pair that it got is in here, encrypted.
    RotatedEarlier(SessionNo, Vec<u8>),
    /// A one-time token was spent: whose it was.
    OneTimeTokenUsed(UserName),
    /// Sessions were ended, that many.
    EndedSessions(usize),
    /// A right was inserted.
    #[expect(missing_docs, reason = "the id of the record")]
    Right { id: String },
    /// A profile was inserted, amended or deleted.
    Profile(ChangedLists),
    /// A user was inserted, amended or deleted.
    User(ChangedLists),
    /// No: and why.
    Refused(Refusal),
}

/// A profile or a user after a command, and the names that its lists gained and lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedLists {
    /// The record's id.
    pub id: String,
    /// RECORD_VERSION now.
    pub version: u32,
    /// Codes of rights that it has now and did not have before.
    pub rights_added: Vec<String>,
    /// Codes of rights that it had before.
    pub rights_removed: Vec<String>,
    /// Names of a profile's new users, or of a user's new profiles.
    pub memberships_added: Vec<String>,
    /// Names of those that it had before.
    pub memberships_removed: Vec<String>,
}

/// Why a command was refused. Text for people is made at the edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// No user has the name.
    UnknownAccount,
    /// The password is wrong.
    IncorrectCredentials,
    /// Too many wrong passwords, or disabled (no time).
    #[expect(missing_docs, reason = "when the lock ends")]
    Locked { until: Option<Millis> },
    /// The password is right and must be changed first.
    PasswordChangeRequired(UserStatus),
    /// The user's sessions are as many as allowed: these.
    SessionLimit(Vec<SessionSummary>),
    /// The credential changed while the password was checked: check again.
    StaleCredential,
    /// The session or token is gone.
    NoSession,
    /// The refresh token is unknown, expired, revoked or was used before.
    RefreshExpired,
    /// The right is missing.
    NotAuthorised(String),
    /// A right may only be granted by its holder.
    CannotGrantRight(String),
    /// A user who holds this right may only be amended by another holder.
    TargetHasHigherRights(String),
    /// The user is disabled, and only the right to enable changes that.
    Disabled(String),
    /// What still hangs on the record: a kind and a name.
    HasDependents(&'static str, String),
    /// Field and value that exist already.
    Duplicate(&'static str, String),
    /// Kind and name of what does not exist.
    NotFound(&'static str, String),
    /// The id and the name in this field are not of one record.
    IdNameMismatch(&'static str),
    /// The field holds no id of its kind.
    InvalidId(&'static str),
    /// RECORD_VERSION is not this one.
    VersionConflict(u32),
    /// No user would be left who can amend users.
    LastAdministrator,
    /// The user has as many one-time tokens as allowed; the first ends then.
    OneTimeTokenLimit(Millis),
    /// The one-time token is unknown, used or expired.
    InvalidOneTimeToken,
    /// The second factor is missing, wrong or too late, and which one it is.
    SecondFactor(MfaReason, RequiredFactor),
    /// The directory keeps this user's password.
    ManagedByDirectory,
    /// The directory confirmed a name that is a local user's.
    LocalUser,
    /// The next reset of this user has to wait until then.
    ResetCooldown(Millis),
    /// As many mails as allowed wait already.
    MailQueueFull,
    /// A refresh token must outlive the access token.
    InvalidLifetimes,
    /// A record would be longer than the store can keep safely.
    TooLong,
}

impl Refusal {
    /// The word on the wire for it.
    pub const fn code(&self) -> NackCode {
        match self {
            Self::UnknownAccount => NackCode::UnknownAccount,
            Self::IncorrectCredentials => NackCode::IncorrectCredentials,
            Self::Locked { .. } => NackCode::LockedAccount,
            Self::PasswordChangeRequired(_) => NackCode::PasswordExpired,
            Self::SessionLimit(_) => NackCode::MaxActiveSessionsReached,
            Self::StaleCredential => NackCode::LoginFail,
            Self::NoSession | Self::RefreshExpired => NackCode::SessionExpired,
            Self::NotAuthorised(_) | Self::CannotGrantRight(_) | Self::TargetHasHigherRights(_) => {
                NackCode::NotAuthorised
            }
            Self::Disabled(_) | Self::TooLong => NackCode::ValidationError,
            Self::HasDependents(..) => NackCode::DependentRecordFound,
            Self::Duplicate(..) => NackCode::DuplicateKey,
            Self::NotFound(..) => NackCode::RecordNotFound,
            Self::IdNameMismatch(_) | Self::InvalidId(_) => NackCode::InvalidParameter,
            Self::VersionConflict(_) => NackCode::OptimisticConcurrencyError,
            Self::OneTimeTokenLimit(_) | Self::ResetCooldown(_) => NackCode::TooManyRequests,
            Self::SecondFactor(..) => NackCode::MfaFailed,
            Self::ManagedByDirectory => NackCode::NotAuthorised,
            Self::LocalUser => NackCode::IncorrectCredentials,
            Self::MailQueueFull => NackCode::Unavailable,
            Self::InvalidOneTimeToken => NackCode::InvalidToken,
            Self::InvalidLifetimes => NackCode::InvalidParameter,
            Self::LastAdministrator => NackCode::LastAdministrator,
        }
    }
}

/// A session as MAX_ACTIVE_SESSIONS_REACHED shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// SESSION_ID.
    pub id: SessionId,
    /// From where.
    pub host: String,
    /// LAST_ACCESS_TIME, epoch ms.
    pub accessed: Millis,
}
