//! `import-preferences`: an `auth-preferences.kts` as a configuration.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::convert::{self, Converted};
use crate::settings::Settings;

/// The file.
#[derive(Args)]
pub(in crate::cli) struct ImportPreferencesArgs {
    /// The auth-preferences.kts, in the literal form of the original documentation's sample
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the configuration goes; standard output if it is not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A file of preferences is not longer.
const BYTES_MAX: u64 = 1 << 20;

impl ImportPreferencesArgs {
    pub(in crate::cli) fn run(&self) -> Result<()> {
        use std::io::Read;
        if let Some(out) = self.out.as_ref().filter(|out| out.exists()) {
            bail!("{} is there already; nothing was written", out.display());
        }
        let cannot = || format!("cannot read {}", self.file.display());
        let mut text = String::new();
        let file = std::fs::File::open(&self.file).with_context(cannot)?;
        file.take(BYTES_MAX + 1).read_to_string(&mut text).with_context(cannot)?;
        if text.len() as u64 > BYTES_MAX {
            bail!("{} is longer than {BYTES_MAX} bytes", self.file.display());
        }
        let Converted { table, unconverted: left } =
            convert::convert(&text).with_context(cannot)?;
        let mut written = String::from("# Made of an auth-preferences.kts.\n");
        for (line, what) in &left {
            eprintln!("line {line}: {what} could not be turned");
            written.push_str(&format!("# line {line}: {what} could not be turned\n"));
        }
        written.push_str(&toml::to_string(&table)?);
        match &self.out {
            Some(out) => crate::cli::export::write_atomically(out, |file| {
                use std::io::Write;
                Ok(file.write_all(written.as_bytes())?)
            })?,
            None => print!("{written}"),
        }
        if let Err(wrong) =
            Settings::parse(&written, std::iter::empty()).and_then(|it| it.validate())
        {
            eprintln!("{wrong}");
        }
        eprintln!("{} keys turned, {} lines not", count(&table), left.len());
        Ok(())
    }
}

fn count(table: &toml::Table) -> usize {
    table.values().map(|value| value.as_table().map_or(1, count)).sum()
}
