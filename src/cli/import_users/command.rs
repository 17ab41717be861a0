//! `import-users`: imports users from another system into a stopped store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use parking_lot::Mutex;

use super::error::LineError;
use super::record::{self, ImportedPassword, UserRecord};
use crate::auth::PasswordHasher;
use crate::cli::config_args::ConfigArgs;
use crate::cli::offline_store;
use crate::cli::terminal::escaped;
use crate::gateway::Started;
use crate::realm::{ATTRIBUTES, Command, NewUser, Realm};
use crate::settings::{Engine, Settings};
use crate::storage::RowStore;

/// Returns the description of the file format that `--help` shows.
pub(in crate::cli) fn format() -> String {
    let lines: Vec<_> = ATTRIBUTES.chunks(4).map(|names| names.join(", ")).collect();
    format!("{FORMAT}{}", lines.join(",\n    "))
}

const FORMAT: &str = "\
Fields (CSV: named by the first line; JSON Lines: one object per line):
  USER_NAME        1 to 64 characters of A-Z a-z 0-9 . _ @ - (required)
  STATUS           ENABLED (default), DISABLED or PASSWORD_EXPIRED
  PASSWORD         plaintext; must satisfy the configured password rules
  PASSWORD_HASH    scrypt PHC string, or SHA-512(USER_NAME + password) in hexadecimal;
                   rehashed at the next login
  USER_PROFILES    names of profiles, in CSV separated by ;
  RIGHT_CODES      codes of rights held directly, in CSV separated by ;
  Attributes, each a text of at most 256 bytes without control characters:
    ";

/// The file to import, and the store to import into.
#[derive(Args)]
pub(in crate::cli) struct ImportUsersArgs {
    /// File to import: JSON Lines if its name ends in .jsonl, .ndjson or .json, otherwise CSV
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check all lines without importing anything
    #[arg(long)]
    dry_run: bool,
    /// Skip lines with errors; without this option one error prevents the whole import
    #[arg(long)]
    skip_bad: bool,
    /// Directory of the stopped gateway's store; created if missing
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Maximum number of users in one command.
const BATCH: usize = 200;
/// Maximum number of printed errors; further errors are only counted.
const ERRORS_MAX: usize = 50;

impl ImportUsersArgs {
    pub(in crate::cli) fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        let (records, mut wrong) = record::read(&self.file)?;
        let count = records.len() + wrong.len();
        let mut settings = settings;
        if self.dry_run && !RowStore::exists_in(&self.data_dir) {
            // A dry run does not create a store.
            settings.store.engine = Engine::Memory;
        }
        let work = async |started: &Started| {
            let (good, more) = started.replica.read(|realm, _| check(realm, &settings, records));
            wrong.extend(more);
            print_errors(&self.file, &mut wrong);
            if !wrong.is_empty() && !self.skip_bad {
                bail!(
                    "{} of {count} lines have errors; nothing was imported (--skip-bad imports the \
                     valid lines)",
                    wrong.len()
                );
            }
            let imported = good.len();
            if !self.dry_run {
                import(started, &settings, good).await?;
            }
            Ok(imported)
        };
        let imported = if self.dry_run {
            offline_store::with_any_store(&settings, &self.data_dir, work)?
        } else {
            offline_store::with_store(&settings, &self.data_dir, work)?
        };
        let verb = if self.dry_run { "would be imported" } else { "imported" };
        println!("{imported} users {verb}, {} skipped", count - imported);
        Ok(())
    }
}

/// Prints the errors in the order of their lines. The only values that an error repeats are valid
/// names of users, profiles and rights: any other value could be a password.
fn print_errors(file: &Path, wrong: &mut [LineError]) {
    wrong.sort();
    for (line, what) in wrong.iter().take(ERRORS_MAX) {
        eprintln!("{}:{line}: {}", file.display(), escaped(what));
    }
    if wrong.len() > ERRORS_MAX {
        eprintln!("… and {} more errors", wrong.len() - ERRORS_MAX);
    }
}

/// Checks each record against the realm, the earlier records and the password rules. Returns the
/// valid records and the errors.
fn check(
    realm: &Realm,
    settings: &Settings,
    records: Vec<UserRecord>,
) -> (Vec<UserRecord>, Vec<LineError>) {
    let (mut good, mut wrong, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for record in records {
        let user = &record.user;
        let unknown_profile = |name: &&protocol::ProfileName| realm.profile_by_name(name).is_none();
        let unknown_right =
            |code: &&protocol::RightCode| realm.right_by_code(code.as_str()).is_none();
        let fault = if realm.user_by_name(&user.name).is_some() {
            Some(format!("user {} already exists", user.name))
        } else if !names.insert(user.name.clone()) {
            Some(format!("user {} is in the file twice", user.name))
        } else if let Some(name) = user.profiles.iter().find(unknown_profile) {
            Some(format!("unknown profile {name}"))
        } else if let Some(code) = user.rights.iter().find(unknown_right) {
            Some(format!("unknown right {code}"))
        } else if let ImportedPassword::Plain(password) = &record.secret {
            offline_store::check_password(settings, &user.name, password)
                .err()
                .map(|error| error.to_string())
        } else {
            None
        };
        match fault {
            Some(fault) => wrong.push((record.line, fault)),
            None => good.push(record),
        }
    }
    (good, wrong)
}

/// Imports the users batch by batch, in the order of the file. Each batch is hashed on all cores.
async fn import(started: &Started, settings: &Settings, records: Vec<UserRecord>) -> Result<()> {
    let bar = offline_store::progress_bar(records.len() as u64)?;
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let batch: Vec<_> = records.by_ref().take(BATCH).collect();
        let users = hash_all(settings, batch, &bar)?;
        offline_store::submit(started, Command::AddUsers(users)).await?;
    }
    bar.finish();
    Ok(())
}

/// Hashes the passwords of a batch on all cores.
fn hash_all(
    settings: &Settings,
    batch: Vec<UserRecord>,
    bar: &ProgressBar,
) -> Result<Vec<NewUser>> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(batch.len())));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(record) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hash = hash(settings, &record.secret);
                    done.lock().push((
                        record.line,
                        NewUser { credential: hash.map(Into::into), ..record.user.clone() },
                    ));
                    bar.inc(1);
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(line, _)| *line);
    if done.len() < batch.len() {
        bail!("a password could not be hashed");
    }
    Ok(done.into_iter().map(|(_, user)| user).collect())
}

/// Returns the hash to store for a password; `None` if the record has no password.
fn hash(settings: &Settings, secret: &ImportedPassword) -> Option<String> {
    let pepper = settings.security.genesis_password.validation.password_salt.expose();
    let cost = settings.security.scrypt.cost();
    match secret {
        ImportedPassword::None => None,
        ImportedPassword::Plain(password) => Some(PasswordHasher::hash_now(cost, pepper, password)),
        ImportedPassword::Stored(hash) => Some(hash.clone()),
        ImportedPassword::Sha512(digest) => {
            Some(PasswordHasher::wrap_sha512(cost, pepper, digest.expose()))
        }
    }
}
