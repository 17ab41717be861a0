//! `export` writes a store to a file; `import` creates a store from such a file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;

use super::config_args::ConfigArgs;
use super::offline_store;
use crate::platform::{private_file, random};
use crate::realm::Command;
use crate::storage::{ExportedRealm, RowStore, export};

/// The store to export, and the file to write.
#[derive(Args)]
pub(super) struct ExportArgs {
    /// File to write (mode 0600); must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Leave out everything that could log in or prove a second factor: password hashes, second
    /// factors, sessions, tokens and codes; after an import, users need a password reset
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
    /// Also import sessions, tokens, codes, pending logins and queued mails; without them, users
    /// must log in again, and links and codes that were mailed are void
    #[arg(long)]
    with_sessions: bool,
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
        check_new(&self.file)?;
        let rows =
            offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
                let now = started.replica.now();
                started.replica.read(|realm, _| {
                    write_new(&self.file, |out| {
                        Ok(export::write(realm, now, !self.without_credentials, out)?)
                    })
                })
            })?;
        println!("{rows} rows exported to {}", self.file.display());
        Ok(())
    }
}

/// Checks that a path is free. A symbolic link is not followed.
pub(super) fn check_new(file: &Path) -> Result<()> {
    if file.symlink_metadata().is_ok() {
        bail!("{} already exists; nothing was written", file.display());
    }
    Ok(())
}

/// Writes a new file with mode 0600. The file has a temporary name until it is complete.
pub(super) fn write_new<T>(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<T>,
) -> Result<T> {
    check_new(file)?;
    let mut partial = file.as_os_str().to_owned();
    partial.push(format!(".{}.partial", random::incident_id()));
    let partial = PathBuf::from(partial);
    let done = write_and_rename(&partial, file, write);
    if done.is_err() {
        // Without the file name of the result, the file would never be removed.
        let _ = std::fs::remove_file(&partial);
    }
    done.with_context(|| format!("cannot write {}", file.display()))
}

fn write_and_rename<T>(
    partial: &Path,
    file: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<T>,
) -> Result<T> {
    let out = private_file::create(partial)?;
    let mut buffered = BufWriter::new(&out);
    let done = write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    out.sync_all()?;
    private_file::rename_new(partial, file)?;
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
        let rows = if self.with_sessions { rows } else { export::without_proofs(rows) };
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
