//! Lifetimes of the tokens of the token API.

use serde::{Deserialize, Serialize};

use super::ids::Millis;

/// Life times that win over the policy; none: the policy's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenLifetimes {
    /// Of access tokens.
    pub access_ms: Option<Millis>,
    /// Of refresh tokens.
    pub refresh_ms: Option<Millis>,
    /// Of one-time tokens.
    pub one_time_ms: Option<Millis>,
}

/// The life times in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveLifetimes {
    /// Of access tokens.
    pub access_ms: Millis,
    /// Of refresh tokens.
    pub refresh_ms: Millis,
    /// Of one-time tokens.
    pub one_time_ms: Millis,
}
