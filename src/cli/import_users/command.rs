//! `import-users`: users of another system, with their passwords, into a stopped store.

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
use crate::gateway::Started;
use crate::realm::{ATTRIBUTES, Command, NewUser, Realm};
use crate::settings::{Engine, Settings};
use crate::storage::RowStore;
/// What a file looks like.
pub(in crate::cli) fn format() -> String {
    format!("{FORMAT}  and {}", ATTRIBUTES.join(", "))
}

const FORMAT: &str = "\
Fields (the first line of CSV names them, an object a line in JSON):
  USER_NAME        1 to 64 of A-Z a-z 0-9 . _ @ -
  STATUS           ENABLED (the default), DISABLED or PASSWORD_EXPIRED
  PASSWORD         in clear; the configured rules judge it
  PASSWORD_HASH    a PHC string of scrypt, or SHA-512(USER_NAME + password) in hexadecimal;
                   the next login hashes the password as new ones are
  USER_PROFILES    names, in CSV with ; between them
  RIGHT_CODES      codes held directly, likewise
";

/// Where from, where to.
#[derive(Args)]
pub(in crate::cli) struct ImportUsersArgs {
    /// The file; JSON lines if its name ends in .jsonl, .ndjson or .json, else CSV
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read and check everything, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Import the good ones and leave out the bad; without it nothing is imported if one is wrong
    #[arg(long)]
    skip_bad: bool,
    /// The data folder of the stopped gateway; made where there is none
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Users of one command.
const BATCH: usize = 200;
/// Errors that are told one by one.
const ERRORS_MAX: usize = 50;

impl ImportUsersArgs {
    pub(in crate::cli) fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        let (records, mut wrong) = record::read(&self.file)?;
        let count = records.len() + wrong.len();
        let mut settings = settings;
        if self.dry_run && !RowStore::exists_in(&self.data_dir) {
            // Nothing is made by looking.
            settings.store.engine = Engine::Memory;
        }
        let work = async |started: &Started| {
            let (good, more) = started.replica.read(|realm, _| check(realm, &settings, records));
            wrong.extend(more);
            print_errors(&self.file, &mut wrong);
            if !wrong.is_empty() && !self.skip_bad {
                bail!("{} of {count} lines are wrong; nothing was imported", wrong.len());
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
        println!("{imported} users {verb}, {} left out", count - imported);
        Ok(())
    }
}

/// Tells what is wrong, by line; never a value.
fn print_errors(file: &Path, wrong: &mut [LineError]) {
    wrong.sort();
    for (line, what) in wrong.iter().take(ERRORS_MAX) {
        eprintln!("{}:{line}: {what}", file.display());
    }
    if wrong.len() > ERRORS_MAX {
        eprintln!("… and {} more", wrong.len() - ERRORS_MAX);
    }
}

/// What the realm and the rules have to say of each record.
fn check(
    realm: &Realm,
    settings: &Settings,
    records: Vec<UserRecord>,
) -> (Vec<UserRecord>, Vec<LineError>) {
    let (mut good, mut wrong, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    for record in records {
        let user = &record.user;
        let profile = |name: &&protocol::ProfileName| realm.profile_by_name(name).is_none();
        let right = |code: &&protocol::RightCode| realm.right_by_code(code.as_str()).is_none();
        let fault = if realm.user_by_name(&user.name).is_some() {
            Some(format!("a user {} is there already", user.name))
        } else if !names.insert(user.name.clone()) {
            Some(format!("the file has {} twice", user.name))
        } else if let Some(name) = user.profiles.iter().find(profile) {
            Some(format!("there is no profile {name}"))
        } else if let Some(code) = user.rights.iter().find(right) {
            Some(format!("there is no right {code}"))
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

/// Hashes on all cores, then inserts in the order of the file, batch by batch.
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

/// The users with the hashes of their passwords.
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

/// What is stored of a password.
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
