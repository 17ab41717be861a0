//! The second factor of a user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::daily_counter::DailyCounter;
use super::ids::Millis;
use super::session::TokenHash;

/// The secret of a user's codes, and what was accepted of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecondFactor {
    /// The secret that codes are made of, sealed; none: nothing was confirmed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Arc<str>>,
    /// Whether a login asks for its code.
    pub enabled: bool,
    /// A secret that waits to be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingSecret>,
    /// The start of the newest period whose code was accepted, in seconds of the epoch: it and
    /// those before it are used up.
    pub used_secs: u64,
    /// Recovery codes that are left, hashed.
    pub recovery: Vec<TokenHash>,
    /// Wrong codes of one day.
    pub day: DailyCounter,
}

/// A secret that waits to be confirmed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingSecret {
    /// The secret, sealed.
    #[serde(alias = "sealed")]
    pub encrypted: Arc<str>,
    /// Until when it can be confirmed.
    pub until: Millis,
    /// Wrong codes so far.
    pub wrong: u32,
}

/// What a user is asked for beside the first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredFactor {
    /// A code of the confirmed secret, or a recovery code.
    Totp,
    /// The code of a link that is mailed, or an active code.
    Link,
    /// To create and confirm a secret.
    Enrol,
}
