//! `check-config` and `default-config`.

use anyhow::Result;

use super::Config;
use crate::settings::Settings;

pub(super) fn check(config: &Config) -> Result<()> {
    config.load()?.validate()?;
    println!("the configuration is valid");
    Ok(())
}

pub(super) fn print_default() -> Result<()> {
    print!("{}", Settings::default_toml());
    Ok(())
}
