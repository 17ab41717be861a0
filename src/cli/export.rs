//! `export` writes a store to a file; `import` creates a store from such a file.

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

/// The store to export, and the file to write.
#[derive(Args)]
pub(super) struct ExportArgs {
    /// File to write (mode 0600); must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out password hashes, sessions and tokens; the encrypted secrets of second factors stay
    /// in the file; after an import, users need a password reset
    #[arg(long)]
    without_credentials: bool,
    /// Directory of the stopped gateway's store
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// The file to import, and the store to create.
#[derive(Args)]
pub(super) struct ImportArgs {
    /// File written by `backup` or `export`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Directory of the new store; must not contain a store
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Maximum number of rows in one command.
const BATCH: usize = 500;

impl ExportArgs {
    pub(super) fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        if self.file.exists() {
            bail!("{} already exists; nothing was written", self.file.display());
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

/// Writes a file under a temporary name and renames it, so that it is never incomplete.
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
            bail!("{} already contains a store; change --data-dir", self.data_dir.display());
        }
        let file = File::open(&self.file);
        let file = file.with_context(|| format!("cannot read {}", self.file.display()))?;
        let ExportedRealm { rows, realm } =
            export::read(&mut BufReader::new(file)).with_context(|| {
                format!("cannot import {}; nothing was imported", self.file.display())
            })?;
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
        println!("{count} rows, {users} users imported into {}", self.data_dir.display());
        Ok(())
    }
}
