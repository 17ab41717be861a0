//! The setting `mode`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
/// Which defaults hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Those of the Genesis documentation.
    #[default]
    #[serde(alias = "seed")]
    Compatible,
    /// Stricter ones.
    Hardened,
}
