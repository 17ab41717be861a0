//! The arguments that name the configuration.

use std::path::PathBuf;

use clap::Args;

use crate::settings::{Settings, SettingsError};

/// Where the configuration comes from.
#[derive(Args, Clone)]
pub(super) struct ConfigArgs {
    /// The configuration file (TOML); TOLLGATE_SECTION__KEY in the environment wins over it
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl ConfigArgs {
    pub(super) fn load(&self) -> Result<Settings, SettingsError> {
        // A variable that is not UTF-8 is none of ours.
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Settings::load(self.config.as_deref(), std::env::vars_os().filter_map(text))
    }
}
