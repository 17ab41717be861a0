//! `import-preferences`: converts an `auth-preferences.kts` file to a configuration.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::convert::{self, Converted};
use crate::cli::export::{check_new, write_new};
use crate::cli::terminal::escaped;
use crate::settings::Settings;

/// The file to convert, and the configuration to write.
#[derive(Args)]
pub(in crate::cli) struct ImportPreferencesArgs {
    /// File auth-preferences.kts; lines with literal values are converted, other lines are reported
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Configuration file to write; must not exist (default: standard output)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Maximum size of the file, in bytes.
const BYTES_MAX: u64 = 1 << 20;

impl ImportPreferencesArgs {
    pub(in crate::cli) fn run(&self) -> Result<()> {
        use std::io::Read;
        self.out.as_deref().map_or(Ok(()), check_new)?;
        let cannot = || format!("cannot read {}", self.file.display());
        let mut text = String::new();
        let file = std::fs::File::open(&self.file).with_context(cannot)?;
        file.take(BYTES_MAX + 1).read_to_string(&mut text).with_context(cannot)?;
        if text.len() as u64 > BYTES_MAX {
            bail!("{} is longer than {BYTES_MAX} bytes", self.file.display());
        }
        let Converted { table, unconverted: left } =
            convert::convert(&text).with_context(|| self.file.display().to_string())?;
        let mut written = String::from("# Converted from an auth-preferences.kts.\n");
        for (line, what) in &left {
            eprintln!("line {line}: {} was not converted", escaped(what));
            written.push_str(&format!("# line {line}: {what} was not converted\n"));
        }
        written.push_str(&toml::to_string(&table)?);
        match &self.out {
            Some(out) => write_new(out, |file| {
                use std::io::Write;
                Ok(file.write_all(written.as_bytes())?)
            })?,
            None => print!("{written}"),
        }
        if let Err(wrong) =
            Settings::parse(&written, std::iter::empty()).and_then(|it| it.validate())
        {
            let wrong = escaped(&wrong.to_string());
            eprintln!("correct the converted configuration before you use it: {wrong}");
        }
        eprintln!("{} keys converted, {} lines not converted", count(&table), left.len());
        Ok(())
    }
}

fn count(table: &toml::Table) -> usize {
    table.values().map(|value| value.as_table().map_or(1, count)).sum()
}
