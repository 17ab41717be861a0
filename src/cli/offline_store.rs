//! Work on a stopped store: open it, command, close it durably.

use std::path::Path;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{Password, UserName};

use crate::auth::PasswordHasher;
use crate::gateway::{Started, startup};
use crate::messages::passwords::rules::check;
use crate::platform::Clock;
use crate::realm::{Command, Outcome, Refusal};
use crate::settings::{Engine, Settings};
use crate::storage::RowStore;

/// Opens the store in `dir`, works, and closes it. A new store is prepared; one that a gateway made
/// keeps that gateway's policy.
pub(super) fn with_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    require_durable(settings)?;
    with_any_store(settings, dir, work)
}

/// The same, also where nothing is kept.
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

/// The same where a new store is to hold only what `work` puts there.
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
        bail!("store.engine is \"memory\": there is no store that would keep what is done");
    }
    Ok(())
}

fn run_with_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    let started = startup::start(settings, dir, Clock::system())?;
    // What a gateway that was killed left in the log only.
    started.replica.flush_rows();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work(&started));
    started.close();
    done
}

/// The same where a store must be there already.
pub(super) fn with_existing_store<T>(
    settings: &Settings,
    dir: &Path,
    work: impl AsyncFnOnce(&Started) -> Result<T>,
) -> Result<T> {
    if !RowStore::exists_in(dir) {
        bail!("there is no store in {}", dir.display());
    }
    with_store(settings, dir, work)
}

/// Commands and turns a refusal into an error in words.
pub(super) async fn submit(started: &Started, command: Command) -> Result<()> {
    match started.replica.submit(command).await? {
        Outcome::Refused(Refusal::Duplicate(_, name)) => bail!("{name} exists already"),
        Outcome::Refused(Refusal::NotFound(kind, name)) => {
            bail!("there is no {} {name}", kind.to_lowercase())
        }
        Outcome::Refused(refused) => bail!("refused: {refused:?}"),
        Outcome::Done | Outcome::User(_) | Outcome::Profile(_) | Outcome::Right { .. } => Ok(()),
        other => bail!("unexpected outcome: {other:?}"),
    }
}

/// A bar for long work on users.
pub(super) fn progress_bar(users: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} users, {per_sec}, {eta} left")?;
    Ok(ProgressBar::new(users).with_style(style))
}

/// Whether a chosen password keeps the configured rules; every one that it breaks is named.
pub(super) fn check_password(
    settings: &Settings,
    name: &UserName,
    password: &Password,
) -> Result<()> {
    let rules = &settings.security.genesis_password.validation;
    let Err(nack) = check::check(rules, name, password) else { return Ok(()) };
    let texts: Vec<_> = nack.errors.iter().map(|fault| fault.text.as_ref()).collect();
    bail!("the password breaks the rules: {}", texts.join("; "));
}

/// The hash of a password by the configured cost and salt.
pub(super) fn hash_password(settings: &Settings, password: &Password) -> Result<String> {
    let pepper = settings.security.genesis_password.validation.password_salt.expose();
    Ok(PasswordHasher::hash_now(settings.security.scrypt.cost(), pepper, password))
}
