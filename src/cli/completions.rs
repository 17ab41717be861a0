//! `grafana-dashboard` and `completions`: what packages of the gateway carry.

use anyhow::Result;
use clap::{Args, Command};
use clap_complete::Shell;

use crate::platform::grafana;
/// For which shell.
#[derive(Args)]
pub(super) struct CompletionsArgs {
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the completions of `command`, the whole command line.
    pub(super) fn run(&self, mut command: Command) -> Result<()> {
        clap_complete::generate(self.shell, &mut command, "tollgate", &mut std::io::stdout());
        Ok(())
    }
}

pub(super) fn print_dashboard() -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&grafana::document())?);
    Ok(())
}
