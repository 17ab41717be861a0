//! Start-up: from a data directory to a replica that reflects every acknowledged command.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use protocol::{Description, ProfileName, RightCode};

use crate::auth::PasswordHasher;
use crate::platform::Clock;
use crate::realm::{
    ADMINISTRATION, Bootstrap, Change, Command, Edition, NewUser, Outcome, Realm, RealmLoader, Row,
    SEEN_MS,
};
use crate::replication::{CommandLog, Entry, MemoryLog, Replica, SubmitError, open_log};
use crate::settings::{Engine, Settings};
use crate::storage::{RowStore, Seq, StoreError};

/// A started replica. Its own thread applies the entries of the command log.
pub struct Started {
    /// The replica. It has applied all entries that the command log had at the start.
    pub replica: Arc<Replica>,
    /// Whether this start created the store.
    pub is_new: bool,
    thread: JoinHandle<()>,
}

/// The profile that the first start creates with all administration rights.
pub const ADMIN_PROFILE: &str = "USER_ADMIN";

/// Why a start failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A command of the start could not be stored.
    #[error("the store cannot be prepared: {0}")]
    Submit(#[from] SubmitError),
    /// A command of the start was refused.
    #[error("the store cannot be prepared: {0}")]
    Refused(String),
}

/// Opens the store in `dir`, loads the realm from its rows, and applies the entries of the command
/// log that the rows do not reflect. With the memory engine, starts with an empty realm and a
/// command log in memory, which is lost at exit.
pub fn start(settings: &Settings, dir: &Path, clock: Clock) -> Result<Started, StartError> {
    match settings.store.engine {
        Engine::Memory => Ok(spawn_replica(
            Realm::default(),
            0,
            0,
            Arc::new(MemoryLog::default()),
            None,
            clock,
            true,
        )),
        Engine::Sled => {
            // sled panics on some kinds of damage; the panic is converted into an error.
            let read = || -> Result<_, StoreError> {
                let it = &settings.store;
                let mut store = RowStore::open(dir, it.cache_mb, it.disk_reserve_mb)?;
                let log = open_log(&store)?;
                let mut realm = load(&mut store, log.first())?;
                restore_seen_ids(&mut realm, log.entries_newest_first(store.applied()))?;
                Ok((store, log, realm))
            };
            let damaged = |_| Err(StoreError::Damaged("the database cannot be read".to_owned()));
            let (store, log, realm) =
                catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(damaged)?;
            let (is_new, applied, last) = (store.is_new(), store.applied(), log.last());
            Ok(spawn_replica(realm, applied, last, Arc::new(log), Some(store), clock, is_new))
        }
    }
}

/// Loads the realm from the row store. If the rows are damaged and the command log still has its
/// first entry, removes the rows and returns an empty realm: all rows are then rebuilt from the
/// command log.
fn load(store: &mut RowStore, first: Seq) -> Result<Realm, StoreError> {
    let mut loading = RealmLoader::default();
    match store.load(|row| loading.add(row)) {
        Err(StoreError::Damaged(why)) if first == 1 => {
            tracing::warn!(why, "row store is damaged; it is being rebuilt from the command log");
            store.reset_rows()?;
            Ok(Realm::default())
        }
        loaded => loaded.map(|()| loading.build()),
    }
}

/// Restores the ids of recent entries, by which repeated entries are recognized. The row store has
/// only the id of the last entry that its rows reflect; the command log has the ids of the entries
/// before.
fn restore_seen_ids(
    realm: &mut Realm,
    newest_first: impl Iterator<Item = Result<Entry, StoreError>>,
) -> Result<(), StoreError> {
    let (newest, mut recent) = (realm.time(), Vec::new());
    for entry in newest_first {
        let entry = entry?;
        if entry.at + SEEN_MS < newest {
            break;
        }
        recent.push((entry.id, entry.at));
    }
    let mut at = 0;
    let seen = recent.into_iter().rev().map(|(id, made)| {
        // No entry is applied at an earlier time than the entry before it.
        at = made.max(at).min(newest);
        Change::Put(Row::Seen(id, at))
    });
    realm.apply_changes(&seen.collect::<Vec<_>>());
    Ok(())
}

fn spawn_replica(
    realm: Realm,
    applied: Seq,
    last: Seq,
    log: Arc<dyn CommandLog>,
    store: Option<RowStore>,
    clock: Clock,
    is_new: bool,
) -> Started {
    let replica = Arc::new(Replica::new(realm, applied, log, store, clock.clone()));
    let running = replica.clone();
    let thread = std::thread::spawn(move || running.run());
    replica.wait_until_applied(last);
    clock.advance_to(replica.read(|realm, _| realm.time()));
    Started { replica, is_new, thread }
}

impl Started {
    /// Submits the policy of the settings if it differs from the realm's policy, and checks the
    /// pepper. If an administration right is missing or an administrator is given, creates the
    /// missing rights, their profile if it is missing, and the administrator.
    pub async fn prepare(
        &self,
        settings: &Settings,
        administrator: Option<NewUser>,
    ) -> Result<(), StartError> {
        self.replica.set_policy(crate::gateway::policy::policy(settings)).await?;
        self.check_pepper(settings).await?;
        let needed = self.replica.read(|realm, _| realm.needs_bootstrap());
        if !needed && administrator.is_none() {
            return Ok(());
        }
        let command = Command::Bootstrap(bootstrap(administrator));
        match self.replica.submit(command).await? {
            Outcome::Done => Ok(()),
            other => Err(StartError::Refused(format!("{other:?}"))),
        }
    }

    /// Logs an error if the stored passwords were hashed with another pepper: then none of them
    /// matches. If the store has no check value of its pepper yet, saves the check value instead.
    async fn check_pepper(&self, settings: &Settings) -> Result<(), StartError> {
        if self.replica.read(|realm, _| realm.pepper_check().is_none()) {
            return self.accept_pepper(settings).await;
        }
        if !self.pepper_matches(settings) {
            tracing::error!(
                key = "security.genesis_password.validation.password_salt",
                "password_salt differs from that of the store: passwords hashed with the former \
                 value do not match; restore it, or accept the new value with `tollgate user \
                 accept-salt` and reset those passwords"
            );
        }
        Ok(())
    }

    /// Whether the passwords of the store were hashed with the pepper of these settings. True if
    /// the store has no check value of its pepper yet.
    pub fn pepper_matches(&self, settings: &Settings) -> bool {
        let salt = settings.security.genesis_password.validation.password_salt.expose();
        let check = self.replica.read(|realm, _| realm.pepper_check().cloned());
        check.is_none_or(|check| PasswordHasher::is_same_pepper(salt, &check))
    }

    /// Saves the check value of the pepper of these settings in the store.
    pub async fn accept_pepper(&self, settings: &Settings) -> Result<(), StartError> {
        let salt = settings.security.genesis_password.validation.password_salt.expose();
        let check = PasswordHasher::pepper_check_now(settings.security.scrypt.cost(), salt);
        self.replica.submit(Command::SetPepperCheck(check.into())).await?;
        Ok(())
    }

    /// Makes all data durable and waits until the thread has ended. Blocking.
    pub fn close(self) {
        self.replica.close();
        // A panic of the thread is already logged.
        let _ = self.thread.join();
    }
}

/// Returns the bootstrap: administration rights, their profile and, if given, the administrator.
fn bootstrap(administrator: Option<NewUser>) -> Bootstrap {
    let (rights, profile) = (administration_rights(), admin_profile());
    Bootstrap { rights, profile, administrator, edition: Edition::CURRENT }
}

/// Returns codes and descriptions of the administration rights.
pub fn administration_rights() -> Vec<(RightCode, Description)> {
    let right = |(code, description): &(&str, &str)| {
        let parsed = (RightCode::parse(code), Description::parse(description));
        let (Ok(code), Ok(description)) = parsed else {
            unreachable!("invalid administration right {code}: {description}");
        };
        (code, description)
    };
    ADMINISTRATION.iter().map(right).collect()
}

/// Returns the name of the profile of the administration rights.
pub fn admin_profile() -> ProfileName {
    let Ok(profile) = ProfileName::parse(ADMIN_PROFILE) else {
        unreachable!("{ADMIN_PROFILE} is an invalid profile name");
    };
    profile
}
