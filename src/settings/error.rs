//! Errors of the configuration.

use std::path::PathBuf;

/// An error in the configuration.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file does not exist or cannot be read.
    #[error("cannot read {path}: {source}")]
    #[expect(missing_docs, reason = "explained by the error text")]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not TOML.
    #[error("the configuration is not valid TOML: {0}")]
    Syntax(String),
    /// A key does not exist.
    #[error("unknown configuration key {key}{}", hint(.nearest))]
    #[expect(missing_docs, reason = "explained by the error text")]
    UnknownKey { key: String, nearest: Option<String> },
    /// A value has the wrong type, or a required key is missing.
    #[error("the configuration is invalid: {0}")]
    Type(String),
    /// An environment variable names an unknown key, has the wrong type, or sets the same key as
    /// another variable.
    #[error("the environment variable {variable} is invalid: {reason}")]
    #[expect(missing_docs, reason = "explained by the error text")]
    Environment { variable: String, reason: String },
    /// Values are out of range or contradict each other.
    #[error("the configuration is invalid:\n  {}", .0.join("\n  "))]
    Invalid(Vec<String>),
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!("; did you mean {key}?")).unwrap_or_default()
}
