//! Roots of answers that several messages have.

use schemars::JsonSchema;
use serde::Serialize;
/// The answer is in DETAILS.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct WithDetails<T> {
    /// DETAILS.
    pub details: T,
}

/// It is done, and there is no more to say.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct Generated {
    /// Ids that a change generated: always none, and some clients read it.
    generated: [(); 0],
}

/// The answer is in DETAILS; GENERATED is always an empty list, and some clients read it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct GeneratedDetails<T> {
    generated: [(); 0],
    details: T,
}

impl<T> GeneratedDetails<T> {
    /// The answer with these details.
    pub fn new(details: T) -> Self {
        Self { generated: [], details }
    }
}
