//! Command-line arguments that select the configuration.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{Settings, SettingsError};

/// The source of the configuration.
#[derive(Args, Clone)]
pub(super) struct ConfigArgs {
    /// Configuration file (TOML); without one, all keys have their defaults. Environment variables
    /// TOLLGATE_SECTION__KEY override both
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl ConfigArgs {
    pub(super) fn load(&self) -> Result<Settings, SettingsError> {
        // A variable that is not UTF-8 cannot be a setting.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Settings::load(self.config.as_deref(), std::env::vars_os().filter_map(text))
    }
}
