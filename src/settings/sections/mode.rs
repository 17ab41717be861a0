//! The key `mode`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The set of defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The defaults of the Genesis documentation.
    #[default]
    #[serde(alias = "seed")]
    Compatible,
    /// Stricter defaults.
    Hardened,
}
