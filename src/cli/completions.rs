//! `dashboard` and `completions`: what packages of the gateway carry.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::arguments::Arguments;
use crate::platform::grafana;

/// For which shell.
#[derive(Args)]
pub(super) struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<()> {
        clap_complete::generate(
            self.shell,
            &mut Arguments::command(),
            "tollgate",
            &mut std::io::stdout(),
        );
        Ok(())
    }
}

pub(super) fn print_dashboard() -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&grafana::document())?);
    Ok(())
}
