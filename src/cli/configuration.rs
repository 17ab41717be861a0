//! `check-config` and `default-config`.

use anyhow::Result;

use super::Config;
use crate::net::tls;
use crate::settings::Settings;

pub(super) fn check(config: &Config) -> Result<()> {
    let settings = config.load()?;
    settings.validate()?;
    if settings.server.tls.is_on() {
        tls::check(&settings.server.tls)?;
    }
    println!("the configuration is valid");
    Ok(())
}

pub(super) fn print_reference() -> Result<()> {
    print!("{}", Settings::reference());
    Ok(())
}

pub(super) fn print_schema() -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&Settings::schema())?);
    Ok(())
}

pub(super) fn print_default() -> Result<()> {
    print!("{}", Settings::default_toml());
    Ok(())
}
