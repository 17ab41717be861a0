//! `grafana-dashboard` and `completions`: print files for distribution packages.

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::platform::grafana;

/// The shell of the completion script.
#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// Shell to print the script for
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the completion script of `command`, the complete command line.
    pub(super) fn run(&self, mut command: Command) -> Result<()> {
        clap_complete::generate(self.shell, &mut command, "tollgate", &mut std::io::stdout());
        Ok(())
    }
}

pub(super) fn print_dashboard() -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&grafana::document())?);
    Ok(())
}
