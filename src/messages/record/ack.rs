//! Roots of acks that several messages share.

use schemars::JsonSchema;
use serde::Serialize;

/// The result is in DETAILS.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct WithDetails<T> {
    pub details: T,
}

/// The message succeeded.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Generated {
    /// Always an empty list, which some clients require.
    generated: [(); 0],
}

/// The result is in DETAILS.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct GeneratedDetails<T> {
    /// Always an empty list, which some clients require.
    generated: [(); 0],
    details: T,
}

impl<T> GeneratedDetails<T> {
    /// Creates an ack with these details.
    pub fn new(details: T) -> Self {
        Self { generated: [], details }
    }
}
