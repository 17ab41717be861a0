//! Errors of the configuration.

use std::path::PathBuf;

/// Why the configuration cannot be used: where, what, what to do.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is not there or not readable.
    #[error("{path} cannot be read: {source}")]
    #[expect(missing_docs, reason = "named by the text")]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not TOML.
    #[error("the configuration is not TOML: {0}")]
    Syntax(String),
    /// A key does not exist.
    #[error("the configuration has the unknown key {key}{}", hint(.nearest))]
    #[expect(missing_docs, reason = "named by the text")]
    UnknownKey { key: String, nearest: Option<String> },
    /// A value has the wrong type.
    #[error("the configuration cannot be used: {0}")]
    Type(String),
    /// A variable of the environment is not a setting or has the wrong type.
    #[error("the environment variable {variable} cannot be used: {reason}")]
    #[expect(missing_docs, reason = "named by the text")]
    Environment { variable: String, reason: String },
    /// Values are out of range or contradict each other.
    #[error("the configuration is wrong:\n  {}", .0.join("\n  "))]
    Invalid(Vec<String>),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}
