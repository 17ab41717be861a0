//! Opening: from a data folder to a replica that reflects every acknowledged command.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use protocol::{Description, ProfileName, RightCode};

use crate::auth::PasswordHasher;
use crate::platform::Clock;
use crate::realm::{
    ADMINISTRATION, Bootstrap, Change, Command, NewUser, Outcome, Realm, RealmLoader, Row, SEEN_MS,
};
use crate::replication::{CommandLog, Entry, MemoryLog, Replica, SubmitError, open_log};
use crate::settings::{Engine, Settings};
use crate::storage::{RowStore, Seq, StoreError};
/// A replica that follows its log on a thread of its own.
pub struct Started {
    /// The replica; caught up.
    pub replica: Arc<Replica>,
    /// Whether nothing was there before.
    pub is_new: bool,
    thread: JoinHandle<()>,
}

/// The profile that the first start gives every administration right.
pub const ADMIN_PROFILE: &str = "USER_ADMIN";

/// Why a start failed after the store was open.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A command of the start was not done.
    #[error("the store cannot be prepared: {0}")]
    Submit(#[from] SubmitError),
    /// A command of the start was refused.
    #[error("the store cannot be prepared: {0}")]
    Refused(String),
}

/// Opens the store in `dir`, or a memory that forgets, and brings the realm up to date.
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
            // The database panics on some damage: that is damage, not the end of the world.
            let read = || -> Result<_, StoreError> {
                let kept = &settings.store;
                let mut store = RowStore::open(dir, kept.cache_mb, kept.disk_reserve_mb)?;
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

/// Loads the rows. Where they are damaged but the log is whole from its first entry, the log makes
/// them again.
fn load(store: &mut RowStore, first: Seq) -> Result<Realm, StoreError> {
    let mut loading = RealmLoader::default();
    match store.load(|row| loading.add(row)) {
        Err(StoreError::Damaged(why)) if first == 1 => {
            tracing::warn!(why, "the rows are damaged; the log makes them again");
            store.reset_rows()?;
            Ok(Realm::default())
        }
        loaded => loaded.map(|()| loading.build()),
    }
}

/// The rows know of the newest entry that they reflect, the log of those before it.
fn restore_seen_ids(
    realm: &mut Realm,
    back: impl Iterator<Item = Result<Entry, StoreError>>,
) -> Result<(), StoreError> {
    let (newest, mut recent) = (realm.time(), Vec::new());
    for entry in back {
        let entry = entry?;
        if entry.at + SEEN_MS < newest {
            break;
        }
        recent.push((entry.id, entry.at));
    }
    let mut at = 0;
    let seen = recent.into_iter().rev().map(|(id, made)| {
        // No entry is applied at an earlier time than the one before it.
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
    /// Sees to it that the policy is that of the settings and that the administration rights exist.
    pub async fn prepare(
        &self,
        settings: &Settings,
        administrator: Option<NewUser>,
    ) -> Result<(), StartError> {
        self.replica.set_policy(crate::gateway::policy::policy(settings)).await?;
        self.check_pepper(settings).await?;
        let complete = self.replica.read(|realm, _| {
            ADMINISTRATION.iter().all(|(code, _)| realm.right_by_code(code).is_some())
        });
        if complete && administrator.is_none() {
            return Ok(());
        }
        let command = Command::Bootstrap(bootstrap(administrator));
        match self.replica.submit(command).await? {
            Outcome::Done => Ok(()),
            other => Err(StartError::Refused(format!("{other:?}"))),
        }
    }

    /// A new store remembers what its salt makes of a fixed text; with another salt no password
    /// that was set before can match.
    async fn check_pepper(&self, settings: &Settings) -> Result<(), StartError> {
        if self.replica.read(|realm, _| realm.pepper_check().is_none()) {
            return self.accept_pepper(settings).await;
        }
        if !self.pepper_matches(settings) {
            tracing::error!(
                key = "security.genesis_password.validation.password_salt",
                "this is not the salt that the passwords of this store were hashed with: none of \
                 them matches; set the former salt again, or accept this one with \
                 `tollgate user accept-salt` and reset the passwords"
            );
        }
        Ok(())
    }

    /// Whether the passwords of the store were hashed with the salt of these settings.
    pub fn pepper_matches(&self, settings: &Settings) -> bool {
        let salt = settings.security.genesis_password.validation.password_salt.expose();
        let check = self.replica.read(|realm, _| realm.pepper_check().cloned());
        check.is_none_or(|check| PasswordHasher::is_same_pepper(salt, &check))
    }

    /// From now on the salt of these settings is the store's.
    pub async fn accept_pepper(&self, settings: &Settings) -> Result<(), StartError> {
        let salt = settings.security.genesis_password.validation.password_salt.expose();
        let check = PasswordHasher::pepper_check_now(settings.security.scrypt.cost(), salt);
        self.replica.submit(Command::SetPepperCheck(check.into())).await?;
        Ok(())
    }

    /// Makes everything durable and ends the thread. Blocking.
    pub fn close(self) {
        self.replica.close();
        // A thread that panicked has said so already.
        let _ = self.thread.join();
    }
}

/// The administration rights and their profile, with a first user if there is to be one.
fn bootstrap(administrator: Option<NewUser>) -> Bootstrap {
    let right = |(code, description): &(&str, &str)| {
        let parsed = (RightCode::parse(code), Description::parse(description));
        let (Ok(code), Ok(description)) = parsed else {
            unreachable!("{code} is the code of a right, {description} its description");
        };
        (code, description)
    };
    let Ok(profile) = ProfileName::parse(ADMIN_PROFILE) else {
        unreachable!("{ADMIN_PROFILE} is the name of a profile");
    };
    Bootstrap { rights: ADMINISTRATION.iter().map(right).collect(), profile, administrator }
}
