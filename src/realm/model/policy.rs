//! What the realm needs of the settings; part of the log, so that every node and every replay
//! decides alike.

use serde::{Deserialize, Serialize};

use super::ids::{Location, Millis};

/// The settings that decisions depend on. A node appends `Command::SetPolicy` when its own differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// A session without a message that counts ends after this time.
    pub idle_ms: Millis,
    /// A refresh token is good for this time.
    pub refresh_ms: Millis,
    /// Touches reach the log at this distance; the sweep waits two of them longer.
    #[serde(rename = "touch_ms")]
    pub use_report_ms: Millis,
    /// The most live sessions of one user; none: any number.
    pub sessions_max: Option<u32>,
    /// What happens at that limit.
    pub when_full: WhenFull,
    /// Whether a refresh gives a new refresh token.
    pub rotation: bool,
    /// For how long the old pair is still answered after a refresh.
    pub grace_ms: Millis,
    /// Wrong passwords that lock the account.
    pub attempts_max: u32,
    /// For how long they lock it.
    pub lock_ms: Millis,
    /// What they lock.
    pub lock_scope: LockoutScope,
    /// Whether unknown names are counted and locked like known ones.
    pub uniform: bool,
    /// Whether an absent list of an amend means an empty one (S2 to the letter).
    #[serde(alias = "strict_amend")]
    pub absent_list_clears: bool,
    /// For how long after a reset the password may be changed.
    pub reset_ms: Millis,
    /// Whether a blank old password opens that change (S2); false: only a one-time password does.
    pub blank_reset: bool,
    /// How many of the last passwords are remembered, the current one included.
    pub history: u8,
    /// A password that is older must be changed; none: it never grows old.
    pub password_age_ms: Option<Millis>,
    /// An access token of a connector is good for this time, however much it is used.
    pub access_ms: Millis,
    /// A one-time token is good for this time.
    pub one_time_ms: Millis,
    /// The last part of new ids.
    pub location: Location,
    /// Second factors.
    pub mfa: Mfa,
    /// Resets that users ask for; none: there are none.
    pub self_reset: Option<SelfResets>,
    /// Whether a user without a password is inserted for the directory.
    pub directory: bool,
}

/// What decisions about second factors depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mfa {
    /// Whether codes of secrets are in use.
    pub totp: bool,
    /// Profiles whose users must have a secret; `*`: all.
    pub totp_for: Vec<Box<str>>,
    /// Mailed links; none: there are none.
    pub link: Option<Links>,
    /// Profiles whose users are mailed a link; `*`: all.
    pub link_for: Vec<Box<str>>,
    /// Wrong codes that end a pending login.
    pub codes_max: u32,
    /// A new secret can be confirmed for this time.
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

/// For how long the codes of mailed links are good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Links {
    /// The one in the link.
    pub temporary_ms: Millis,
    /// The one that a login by it gives.
    pub active_ms: Millis,
}

/// What decisions about resets that users ask for depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfResets {
    /// A mailed token is good for this time.
    pub timeout_ms: Millis,
    /// The next reset of a user has to wait this long.
    pub cool_ms: Millis,
}

/// What a login finds when the user has as many sessions as allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenFull {
    /// The login is refused.
    Refuse,
    /// The oldest session ends.
    EvictOldest,
}

/// What wrong passwords lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockoutScope {
    /// The user, wherever he comes from.
    User,
    /// The user where the wrong passwords came from.
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
        }
    }
}
