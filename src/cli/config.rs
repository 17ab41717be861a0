//! `check-config`, `default-config`, `config-reference` and `config-schema`.

use anyhow::Result;

use super::config_args::ConfigArgs;
use crate::net::tls;
use crate::settings::Settings;

pub(super) fn check(config: &ConfigArgs) -> Result<()> {
    let settings = config.load()?;
    settings.validate()?;
    if settings.server.tls.is_on() {
        tls::load(&settings.server.tls)?;
    }
    for (alias, key) in aliases(config) {
        println!("{alias} is an alias of {key}");
    }
    println!("the configuration is valid");
    Ok(())
}

/// Returns the aliases that the file uses, each with the current name of its key.
fn aliases(config: &ConfigArgs) -> Vec<(String, &'static str)> {
    let text = config.config.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    let table = text.and_then(|text| text.parse().ok());
    table.map(|mut table| crate::settings::resolve(&mut table)).unwrap_or_default()
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
