//! The policy: the settings on which decisions of the realm depend.
//!
//! The policy is in the command log, so that every replay of the log decides the same.

use serde::{Deserialize, Serialize};

use super::ids::{Location, Millis};
use super::notice::NoticeTopic;

/// The settings on which decisions depend. The gateway appends `Command::SetPolicy` if its settings
/// differ from the policy in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Idle time after which an interactive session ends. Only messages that count as use restart
    /// the idle time.
    pub idle_ms: Millis,
    /// Lifetime of a refresh token.
    pub refresh_ms: Millis,
    /// Interval at which the use of sessions is reported to the command log. `Command::Sweep` ends
    /// a session only two intervals after its idle time, because newer use may not be in the
    /// command log yet.
    #[serde(rename = "touch_ms")]
    pub use_report_ms: Millis,
    /// Maximum number of live sessions of one user; `None` means no limit.
    pub sessions_max: Option<u32>,
    /// What happens to a login of a user who has `sessions_max` live sessions.
    pub when_full: WhenFull,
    /// Whether a refresh issues a new refresh token.
    pub rotation: bool,
    /// The grace period after a refresh, in which the replaced token pair is still accepted.
    pub grace_ms: Millis,
    /// Number of wrong passwords that causes a lock.
    pub attempts_max: u32,
    /// Duration of a lock.
    pub lock_ms: Millis,
    /// What a lock applies to.
    pub lock_scope: LockoutScope,
    /// Whether wrong passwords under unknown names are counted and locked like those under known
    /// names, so that replies do not reveal which names exist.
    pub uniform: bool,
    /// Whether an absent list in an amend message means an empty list, as in Genesis
    /// authentication.
    #[serde(alias = "strict_amend")]
    pub absent_list_clears: bool,
    /// Time after a reset in which the password can be changed.
    pub reset_ms: Millis,
    /// Whether an empty old password permits the password change after a reset (Genesis
    /// authentication). Otherwise only a one-time password permits the change.
    pub blank_reset: bool,
    /// Number of passwords that cannot be used again, including the current password.
    pub history: u8,
    /// Age at which a password must be changed; `None` means never.
    pub password_age_ms: Option<Millis>,
    /// Lifetime of an access token of the token API. The use of the token does not extend the
    /// lifetime.
    pub access_ms: Millis,
    /// Lifetime of a one-time token.
    pub one_time_ms: Millis,
    /// The location part of new ids.
    pub location: Location,
    /// The policy of second factors.
    pub mfa: Mfa,
    /// The policy of self-service resets; `None` if they are disabled.
    pub self_reset: Option<SelfResets>,
    /// Whether a user who is inserted without a password belongs to the directory.
    pub directory: bool,
    /// The rights that only a holder may grant, and whose holders only a holder may change.
    pub guarded_rights: GuardedRights,
    /// Whether all local users can log in. Otherwise, only the users that the configuration lists
    /// ([`super::ConfiguredName::LocalUser`]) can log in by a local password alone.
    pub local_logins: bool,
    /// Whether users of a directory can log in.
    pub directory_logins: bool,
    /// Time after its login after which a session ends whatever its use; `None` means no limit.
    pub max_session_ms: Option<Millis>,
    /// Maximum of `max_session_ms` for users of a directory, who cannot be asked for again;
    /// `None` if they can be.
    pub directory_session_ms: Option<Millis>,
    /// How long a login or a reauthentication counts as recent.
    pub reauthentication_ms: Millis,
    /// Whether grants of administration rights, backups and lifetimes of tokens require a recent
    /// login or reauthentication, too.
    pub reauthentication_for_all: bool,
    /// Time in which a one-time password can be used; `None` means no limit.
    pub one_time_password_ms: Option<Millis>,
    /// What users get mails about; empty if notices are disabled.
    pub notices: Vec<NoticeTopic>,
}

/// The rights that only a holder may grant, and whose holders only a holder may change. Rights that
/// are marked as guarded are always among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GuardedRights {
    /// All rights.
    #[default]
    All,
    /// The administration rights and the rights with these codes.
    Administration(Vec<Box<str>>),
}

/// The policy of second factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mfa {
    /// Whether TOTP codes are enabled.
    pub totp: bool,
    /// Profiles whose users must have a TOTP secret; `*` means all users. If `link_for` includes a
    /// user, too, the user needs no secret.
    pub totp_for: Vec<Box<str>>,
    /// Lifetimes of the codes in mailed links and of active codes; `None` if mailed links are
    /// disabled.
    pub link: Option<Links>,
    /// Profiles whose users are mailed a link at each login; `*` means all users. No link is mailed
    /// to users with an enabled TOTP secret, or if the login has an active code.
    pub link_for: Vec<Box<str>>,
    /// Number of wrong codes that ends a pending login or discards a new secret.
    pub codes_max: u32,
    /// Time in which a new secret can be confirmed.
    pub confirm_ms: Millis,
}

impl Default for Mfa {
    fn default() -> Self {
        Self {
            totp: false,
            totp_for: Vec::new(),
            link: None,
            link_for: Vec::new(),
            codes_max: 5,
            confirm_ms: 0,
        }
    }
}

/// Lifetimes of the codes in mailed links and of active codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// Lifetime of the code in the link.
    pub temporary_ms: Millis,
    /// Lifetime of the active code that a login by mailed link issues.
    pub active_ms: Millis,
}

/// The policy of self-service resets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfResets {
    /// Lifetime of a mailed token.
    pub timeout_ms: Millis,
    /// The cool-down: minimum time between two requests of one user.
    pub cool_ms: Millis,
}

/// The treatment of a login of a user who has the maximum number of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenFull {
    /// The login is refused.
    Refuse,
    /// The login succeeds and the oldest session ends.
    EvictOldest,
}

/// The scope of a lock after wrong passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockoutScope {
    /// The user, for all client networks.
    User,
    /// The user, only for the client network that sent the wrong passwords.
    #[serde(rename = "UserAndSource")]
    UserAndNetwork,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            idle_ms: 30 * 60_000,
            refresh_ms: 7_200 * 60_000,
            use_report_ms: 60_000,
            sessions_max: None,
            when_full: WhenFull::Refuse,
            rotation: true,
            grace_ms: 10_000,
            attempts_max: 3,
            lock_ms: 5 * 60_000,
            lock_scope: LockoutScope::User,
            uniform: false,
            absent_list_clears: false,
            reset_ms: 15 * 60_000,
            blank_reset: true,
            history: 0,
            password_age_ms: None,
            access_ms: 30 * 60_000,
            one_time_ms: 60_000,
            location: Location::default(),
            mfa: Mfa::default(),
            self_reset: None,
            directory: false,
            guarded_rights: GuardedRights::All,
            local_logins: true,
            directory_logins: false,
            max_session_ms: None,
            directory_session_ms: None,
            reauthentication_ms: 15 * 60_000,
            reauthentication_for_all: false,
            one_time_password_ms: Some(72 * 3_600_000),
            notices: Vec::new(),
        }
    }
}
