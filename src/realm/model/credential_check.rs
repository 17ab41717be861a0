//! Results of password checks, made outside of the realm.

use serde::{Deserialize, Serialize};

use super::fnv1a::fnv1a;

/// What the check of a password outside the realm said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The password fits the credential.
    Matched,
    /// It does not.
    Wrong,
    /// It was empty: it fits nothing, but may open a blank reset.
    Blank,
}

/// Names the credential that a password was checked against, without holding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a PHC string: it tells versions apart and protects nothing.
    pub fn new(credential: &str) -> Self {
        Self(fnv1a(credential.as_bytes()))
    }
}

/// Where an attempt came from, as locks by address count it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginClient {
    /// An address, or a network whose addresses are one.
    #[serde(alias = "source")]
    pub network: Box<str>,
    /// Whether the user has a session from there, so that strangers elsewhere cannot lock it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub familiar: bool,
}
