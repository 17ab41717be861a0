//! `export` and `import`: a stopped store as one file, and back.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;

use super::config_args::ConfigArgs;
use super::offline_store;
use crate::realm::Command;
use crate::storage::{ExportedRealm, RowStore, export};
/// Where from, where to.
#[derive(Args)]
pub(super) struct ExportArgs {
    /// The file to write; it must not be there yet and only its owner may read it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out password hashes, sessions and tokens: users then need a password reset
    #[arg(long)]
    without_credentials: bool,
    /// The data folder of the stopped gateway
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Where from, where to.
#[derive(Args)]
pub(super) struct ImportArgs {
    /// The file that `export` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The data folder to make; it must not hold a store yet
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Rows of one command.
const BATCH: usize = 500;

impl ExportArgs {
    pub(super) fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        if self.file.exists() {
            bail!("{} is there already; nothing was written", self.file.display());
        }
        let rows =
            offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
                let now = started.replica.now();
                started.replica.read(|realm, _| {
                    write_atomically(&self.file, |out| {
                        Ok(export::write(realm, now, !self.without_credentials, out)?)
                    })
                })
            })?;
        println!("{rows} rows exported to {}", self.file.display());
        Ok(())
    }
}

/// Writes a file that is whole or not there.
pub(super) fn write_atomically<T>(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<T>,
) -> Result<T> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let cannot = || format!("cannot write {}", partial.display());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let out = options.open(&partial).with_context(cannot)?;
    let mut buffered = BufWriter::new(&out);
    let done = write(&mut buffered)?;
    buffered.flush().with_context(cannot)?;
    drop(buffered);
    out.sync_all().with_context(cannot)?;
    std::fs::rename(&partial, file).with_context(cannot)?;
    Ok(done)
}

impl ImportArgs {
    pub(super) fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        if RowStore::exists_in(&self.data_dir) {
            bail!("there is a store in {} already", self.data_dir.display());
        }
        let file = File::open(&self.file);
        let file = file.with_context(|| format!("cannot read {}", self.file.display()))?;
        let ExportedRealm { rows, realm } = export::read(&mut BufReader::new(file))
            .with_context(|| format!("{}; nothing was imported", self.file.display()))?;
        let users = realm.users_after(None).count();
        drop(realm);
        let (count, progress) = (rows.len(), ProgressBar::new(rows.len() as u64));
        offline_store::with_empty_store(&settings, &self.data_dir, async |started| {
            for batch in rows.chunks(BATCH) {
                offline_store::submit(started, Command::Restore(batch.to_vec())).await?;
                progress.inc(batch.len() as u64);
            }
            Ok(())
        })?;
        progress.finish_and_clear();
        println!("{count} rows imported into {}, {users} users", self.data_dir.display());
        Ok(())
    }
}
