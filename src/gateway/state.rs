//! The parts of one running gateway, put together once and shared by all its sockets.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, Semaphore};

use super::connections::Connections;
use super::failure_limiter::Throttle;
use super::refusal_log::Notes;
use super::rest_subscriptions::Polls;
use super::service_list::ServiceBoard;
use crate::auth::{Directory, Keyring, Passwords, Server};
use crate::mail::Mailer;
use crate::platform::{Clock, file_descriptors};
use crate::replication::Replica;
use crate::sessions::{Limits, Watch};
use crate::settings::{Connection, Settings};

/// One gateway.
pub struct Node {
    /// The configuration as it is now.
    settings: ArcSwap<Settings>,
    /// The realm and its log.
    pub replica: Arc<Replica>,
    /// Open sockets.
    pub connections: Arc<Connections>,
    /// Deadlines of sessions.
    pub watch: Watch,
    /// Password hashes.
    pub passwords: Passwords,
    /// Where GUIs go after the login.
    pub services: ServiceBoard,
    /// Subscriptions over REST.
    pub polls: Polls,
    /// Failed logins by address.
    pub throttle: Throttle,
    /// Refusals for the audit trail.
    pub notes: Notes,
    /// What secrets of second factors are sealed with; none: they are off.
    pub keys: Option<Keyring>,
    /// Directories, where passwords are checked by them.
    pub directory: ArcSwap<Directory>,
    /// Connections to the mail server.
    pub mailer: Mailer,
    /// Told when a mail may be due.
    pub mail: Notify,
    /// Resets that users asked for, by address.
    pub asked_resets: Throttle,
    /// Requests for resets that are being looked at.
    pub resets: Arc<Semaphore>,
    /// The time.
    pub clock: Clock,
    /// Told when the configuration is another.
    pub reloaded: Notify,
}

impl Node {
    /// Puts a gateway together around a replica that has caught up.
    pub fn new(
        settings: Settings,
        replica: Arc<Replica>,
        clock: Clock,
        keys: Option<Keyring>,
    ) -> Arc<Self> {
        let scrypt = &settings.security.scrypt;
        let passwords = Passwords::start(
            scrypt.cost(),
            scrypt.threads,
            scrypt.queue_wait_max_ms,
            settings.security.genesis_password.validation.password_salt.expose(),
        );
        Arc::new(Self {
            connections: Arc::new(Connections::new(file_descriptors::room())),
            polls: Polls::default(),
            notes: Notes::default(),
            reloaded: Notify::new(),
            watch: Watch::default(),
            passwords,
            services: ServiceBoard::new(settings.services.clone(), &settings.service_list),
            throttle: Throttle::default(),
            keys,
            directory: ArcSwap::from_pointee(Directory::new(servers(&settings))),
            mailer: Mailer::default(),
            mail: Notify::new(),
            asked_resets: Throttle::default(),
            resets: Arc::new(Semaphore::new(RESETS_AT_ONCE)),
            clock,
            replica,
            settings: ArcSwap::from_pointee(settings),
        })
    }

    /// The configuration as it is now. A guard: not to be held while something is awaited.
    pub fn settings(&self) -> Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// Another configuration from now on. The realm has its part of it already.
    pub fn configure(&self, settings: Settings) {
        let servers = servers(&settings);
        // Servers that are the same keep what is known of them.
        if !self.directory.load().is_of(&servers) {
            self.directory.store(Arc::new(Directory::new(servers)));
        }
        self.mail.notify_one();
        self.settings.store(Arc::new(settings));
        self.watch.again(self.clock.now());
        self.reloaded.notify_waiters();
    }

    /// When sessions end for want of life or use.
    pub fn limits(&self) -> Limits {
        let heartbeat = &self.settings().heartbeat;
        let missed = heartbeat.interval_secs * 1_000 * u64::from(heartbeat.misses_allowed);
        Limits {
            missed_ms: (missed > 0).then_some(missed),
            idle_ms: self.replica.read(|realm, _| realm.policy().idle_ms),
        }
    }
}

/// Requests for resets that are looked at beside their answer; beyond, they are dropped.
const RESETS_AT_ONCE: usize = 64;

fn servers(settings: &Settings) -> Vec<Server> {
    let authentication = &settings.security.authentication;
    authentication.ldap.connection.iter().map(Connection::server).collect()
}
