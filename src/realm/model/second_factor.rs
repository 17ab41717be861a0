//! The second factor of a user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::daily_counter::DailyCounter;
use super::ids::Millis;
use super::session::TokenHash;

/// The TOTP secrets and unused recovery codes of a user, and the newest TOTP code that was used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecondFactor {
    /// The confirmed TOTP secret, encrypted; `None` if no secret was confirmed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Arc<str>>,
    /// Whether a login requires a code of the confirmed secret.
    pub enabled: bool,
    /// A new secret that is not confirmed yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingSecret>,
    /// Start of the newest TOTP period whose code was accepted, in epoch seconds. Codes of this and
    /// of earlier periods are refused.
    pub used_secs: u64,
    /// Hashes of the unused recovery codes.
    pub recovery: Vec<TokenHash>,
    /// Wrong codes of one day.
    pub day: DailyCounter,
}

/// A new secret that is not confirmed yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingSecret {
    /// The secret, encrypted.
    #[serde(alias = "sealed")]
    pub encrypted: Arc<str>,
    /// When the secret expires if it is not confirmed.
    pub until: Millis,
    /// Wrong codes so far.
    pub wrong: u32,
}

/// The second factor that a login of a user requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredFactor {
    /// A code of the confirmed secret, or a recovery code.
    Totp,
    /// The code of a mailed link, or an active code ([`ActiveCode`](super::ActiveCode)), which an
    /// earlier login by mailed link issued.
    Link,
    /// The user must first enrol: create and confirm a TOTP secret.
    Enrol,
}
