//! The parts of one running gateway, put together once and shared by all its sockets.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, Semaphore};

use super::connections::ConnectionRegistry;
use super::failure_limiter::FailureLimiter;
use super::refusal_log::RefusalLog;
use super::rest_subscriptions::RestSubscriptions;
use super::service_list::ServiceList;
use crate::auth::{DirectoryClient, Keyring, LdapServer, PasswordHasher};
use crate::mail::Mailer;
use crate::platform::{Clock, file_descriptors};
use crate::replication::Replica;
use crate::sessions::{SessionTimeouts, TimeoutLimits};
use crate::settings::{LdapConnection, Settings};

/// One gateway.
pub struct Gateway {
    /// The configuration as it is now.
    settings: ArcSwap<Settings>,
    /// The realm and its log.
    pub replica: Arc<Replica>,
    /// Open sockets.
    pub connections: Arc<ConnectionRegistry>,
    /// Deadlines of sessions.
    pub session_timeouts: SessionTimeouts,
    /// Password hashes.
    pub passwords: PasswordHasher,
    /// Where GUIs go after the login.
    pub services: ServiceList,
    /// Subscriptions over REST.
    pub rest_subscriptions: RestSubscriptions,
    /// Failed logins by address.
    pub failure_limiter: FailureLimiter,
    /// Refusals for the audit trail.
    pub refusal_log: RefusalLog,
    /// What secrets of second factors are sealed with; none: they are off.
    pub keys: Option<Keyring>,
    /// Directories, where passwords are checked by them.
    pub directory: ArcSwap<DirectoryClient>,
    /// Connections to the mail server.
    pub mailer: Mailer,
    /// Told when a mail may be due.
    pub mail_wakeup: Notify,
    /// Resets that users asked for, by address.
    pub reset_limiter: FailureLimiter,
    /// Requests for resets that are being looked at.
    pub reset_permits: Arc<Semaphore>,
    /// The time.
    pub clock: Clock,
    /// Told when the configuration is another.
    pub reloaded: Notify,
}

impl Gateway {
    /// Puts a gateway together around a replica that has caught up.
    pub fn new(
        settings: Settings,
        replica: Arc<Replica>,
        clock: Clock,
        keys: Option<Keyring>,
    ) -> Arc<Self> {
        let scrypt = &settings.security.scrypt;
        let passwords = PasswordHasher::start(
            scrypt.cost(),
            scrypt.threads,
            scrypt.queue_wait_max_ms,
            settings.security.genesis_password.validation.password_salt.expose(),
        );
        Arc::new(Self {
            connections: Arc::new(ConnectionRegistry::new(file_descriptors::raise_fd_limit())),
            rest_subscriptions: RestSubscriptions::default(),
            refusal_log: RefusalLog::default(),
            reloaded: Notify::new(),
            session_timeouts: SessionTimeouts::default(),
            passwords,
            services: ServiceList::new(settings.services.clone(), &settings.service_list),
            failure_limiter: FailureLimiter::default(),
            keys,
            directory: ArcSwap::from_pointee(DirectoryClient::new(servers(&settings))),
            mailer: Mailer::default(),
            mail_wakeup: Notify::new(),
            reset_limiter: FailureLimiter::default(),
            reset_permits: Arc::new(Semaphore::new(CONCURRENT_RESETS_MAX)),
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
    pub fn apply_settings(&self, settings: Settings) {
        let servers = servers(&settings);
        // Servers that are the same keep what is known of them.
        if !self.directory.load().has_servers(&servers) {
            self.directory.store(Arc::new(DirectoryClient::new(servers)));
        }
        self.mail_wakeup.notify_one();
        self.settings.store(Arc::new(settings));
        self.session_timeouts.recheck_all(self.clock.now());
        self.reloaded.notify_waiters();
    }

    /// When sessions end for want of life or use.
    pub fn session_limits(&self) -> TimeoutLimits {
        let heartbeat = &self.settings().heartbeat;
        let missed = heartbeat.interval_secs * 1_000 * u64::from(heartbeat.misses_allowed);
        TimeoutLimits {
            missed_ms: (missed > 0).then_some(missed),
            idle_ms: self.replica.read(|realm, _| realm.policy().idle_ms),
        }
    }
}

/// Requests for resets that are looked at beside their answer; beyond, they are dropped.
const CONCURRENT_RESETS_MAX: usize = 64;

fn servers(settings: &Settings) -> Vec<LdapServer> {
    let authentication = &settings.security.authentication;
    authentication.ldap.connection.iter().map(LdapConnection::to_ldap_server).collect()
}
