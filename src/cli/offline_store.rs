//! Access to the store of a stopped gateway: opens it, submits commands, closes it durably.

use std::path::Path;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{Password, UserName};

use crate::auth::PasswordHasher;
use crate::gateway::{Started, startup};
use crate::messages::passwords::rules::check;
use crate::platform::{Clock, private_file};
use crate::realm::{Command, Outcome, Refusal};
use crate::settings::{Engine, Settings};
use crate::storage::RowStore;

/// Opens the store in `dir`, runs `work`, and closes the store. If `dir` has no store, creates one
/// with the administration rights and their profile. An existing store keeps the policy that its
/// gateway stored. Fails if `store.engine` is "memory".
pub(super) fn with_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    require_durable(settings)?;
    with_any_store(settings, dir, work)
}

/// Like [`with_store`], but also accepts the memory engine.
pub(super) fn with_any_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    run_with_store(settings, dir, async |started| {
        if started.is_new {
            started.prepare(settings, None).await?;
        }
        work(started).await
    })
}

/// Like [`with_store`], but leaves a new store empty except for what `work` writes.
pub(super) fn with_empty_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    require_durable(settings)?;
    run_with_store(settings, dir, work)
}

fn require_durable(settings: &Settings) -> Result<()> {
    if settings.store.engine == Engine::Memory {
        bail!(
            "store.engine is \"memory\", but this command needs a store on disk; set it to \"sled\""
        );
    }
    Ok(())
}

fn run_with_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    private_file::make_new_files_private();
    let started = startup::start(settings, dir, Clock::system())
        .with_context(|| format!("cannot open the store in {}", dir.display()))?;
    // A gateway that was killed can leave changes in the log that are not yet in the rows.
    started.replica.flush_rows();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work(&started));
    started.close();
    done
}

/// Like [`with_store`], but fails if `dir` has no store.
pub(super) fn with_existing_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    if !RowStore::exists_in(dir) {
        bail!("no store in {}; check --data-dir", dir.display());
    }
    with_store(settings, dir, work)
}

/// Submits a command; a refusal is returned as an error with a text.
pub(super) async fn submit(started: &Started, command: Command) -> Result<()> {
    match started.replica.submit(command).await? {
        Outcome::Refused(Refusal::Duplicate(field, value)) => {
            bail!("{field} {value} already exists")
        }
        Outcome::Refused(Refusal::NotFound(kind, name)) => {
            bail!("no {} is called {name:?}", kind.to_lowercase())
        }
        Outcome::Refused(Refusal::TooLong) => {
            bail!("a record is too large to be stored; shorten its text fields")
        }
        Outcome::Refused(Refusal::InvalidRow(error)) => bail!("{error}"),
        Outcome::Refused(refused) => {
            bail!("the store refused the change: {}", refused.code().code())
        }
        Outcome::Done | Outcome::User(_) | Outcome::Profile(_) | Outcome::Right { .. } => Ok(()),
        other => bail!("unexpected outcome: {other:?}"),
    }
}

/// Returns a progress bar that counts users.
pub(super) fn progress_bar(users: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} users, {per_sec}, {eta} left")?;
    Ok(ProgressBar::new(users).with_style(style))
}

/// Checks a password against the configured password rules; the error names every violated rule.
pub(super) fn check_password(
    settings: &Settings,
    name: &UserName,
    password: &Password,
) -> Result<()> {
    let rules = &settings.security.genesis_password.validation;
    let Err(nack) = check::check(rules, name, password) else { return Ok(()) };
    let texts: Vec<_> = nack.errors.iter().map(|fault| fault.text.as_ref()).collect();
    bail!("the password violates the rules: {}", texts.join("; "));
}

/// Hashes a password with the configured cost and pepper.
pub(super) fn hash_password(settings: &Settings, password: &Password) -> Result<String> {
    let pepper = settings.security.genesis_password.validation.password_salt.expose();
    Ok(PasswordHasher::hash_now(settings.security.scrypt.cost(), pepper, password))
}
