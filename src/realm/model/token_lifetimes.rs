//! Lifetimes of the tokens of the token API.

use serde::{Deserialize, Serialize};

use super::ids::Millis;

/// Token lifetimes that an administrator set; `None` means the lifetime of the policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenLifetimes {
    /// Lifetime of access tokens.
    pub access_ms: Option<Millis>,
    /// Lifetime of refresh tokens.
    pub refresh_ms: Option<Millis>,
    /// Lifetime of one-time tokens.
    pub one_time_ms: Option<Millis>,
}

/// The token lifetimes in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveLifetimes {
    /// Lifetime of access tokens.
    pub access_ms: Millis,
    /// Lifetime of refresh tokens.
    pub refresh_ms: Millis,
    /// Lifetime of one-time tokens.
    pub one_time_ms: Millis,
}
