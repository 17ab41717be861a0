//! Shared state of one running gateway.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, Semaphore};

use super::connections::ConnectionRegistry;
use super::failure_limiter::FailureLimiter;
use super::refusal_log::RefusalLog;
use super::rest_subscriptions::RestSubscriptions;
use super::service_list::ServiceList;
use super::user_turns::UserTurns;
use crate::auth::{DirectoryClient, Keyring, LdapServer, PasswordHasher};
use crate::mail::Mailer;
use crate::platform::{Clock, file_descriptors};
use crate::replication::Replica;
use crate::sessions::{SessionTimeouts, TimeoutLimits};
use crate::settings::{LdapConnection, Settings};

/// One running gateway, shared by all its connections.
pub struct Gateway {
    /// The current configuration.
    settings: ArcSwap<Settings>,
    /// The replica: the realm and the command log.
    pub replica: Arc<Replica>,
    /// Open connections.
    pub connections: Arc<ConnectionRegistry>,
    /// Timeouts of sessions.
    pub session_timeouts: SessionTimeouts,
    /// Hashes and verifies passwords.
    pub passwords: PasswordHasher,
    /// The list of the services that GUIs connect to after the login.
    pub services: ServiceList,
    /// Subscriptions over REST.
    pub rest_subscriptions: RestSubscriptions,
    /// Limit of failed logins, for each client network.
    pub failure_limiter: FailureLimiter,
    /// Turns of password checks.
    pub user_turns: UserTurns,
    /// Refusals that wait to be written to the audit trail.
    pub refusal_log: RefusalLog,
    /// Keys that encrypt the secrets of second factors; `None` without `security.mfa.qr_code`.
    pub keys: Option<Keyring>,
    /// Client of the directory servers (LDAP) that check passwords; it may have no servers.
    pub directory: ArcSwap<DirectoryClient>,
    /// Sends mails.
    pub mailer: Mailer,
    /// Notified when a queued mail may be due.
    pub mail_wakeup: Notify,
    /// Limit of self-service password resets, for each client network.
    pub reset_limiter: FailureLimiter,
    /// Permits for self-service password resets in progress. A reset is processed after the request
    /// was acknowledged.
    pub reset_permits: Arc<Semaphore>,
    /// The clock.
    pub clock: Clock,
    /// Notified when the configuration has changed.
    pub reloaded: Notify,
}

impl Gateway {
    /// Creates a gateway for a replica that has applied all entries of its command log.
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
        let connections = ConnectionRegistry::new(file_descriptors::raise_fd_limit());
        set_process_limits(&settings, &connections);
        Arc::new(Self {
            connections: Arc::new(connections),
            rest_subscriptions: RestSubscriptions::default(),
            refusal_log: RefusalLog::default(),
            reloaded: Notify::new(),
            session_timeouts: SessionTimeouts::default(),
            passwords,
            services: ServiceList::new(settings.services.clone(), &settings.service_list),
            failure_limiter: FailureLimiter::default(),
            user_turns: UserTurns::default(),
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

    /// Returns the current configuration. The guard must not be held across an `.await`.
    pub fn settings(&self) -> Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// Replaces the configuration. The caller must have set the realm's policy before.
    pub fn apply_settings(&self, settings: Settings) {
        let servers = servers(&settings);
        // If no server has changed, all servers keep their state, such as recent failures.
        if !self.directory.load().has_servers(&servers) {
            self.directory.store(Arc::new(DirectoryClient::new(servers)));
        }
        set_process_limits(&settings, &self.connections);
        self.replica.audit_trail.log_rows(settings.audit.log);
        self.mail_wakeup.notify_one();
        self.settings.store(Arc::new(settings));
        self.session_timeouts.recheck_all(self.clock.now());
        self.reloaded.notify_waiters();
    }

    /// Returns the time limits of sessions.
    pub fn session_limits(&self) -> TimeoutLimits {
        let heartbeat = &self.settings().heartbeat;
        let missed = heartbeat.interval_secs * 1_000 * u64::from(heartbeat.misses_allowed);
        TimeoutLimits {
            missed_ms: (missed > 0).then_some(missed),
            idle_ms: self.replica.read(|realm, _| realm.policy().idle_ms),
        }
    }
}

/// Maximum number of self-service password resets in progress; further resets are dropped.
const CONCURRENT_RESETS_MAX: usize = 64;

/// Sets the limits that are kept outside of the settings, because they are checked often.
fn set_process_limits(settings: &Settings, connections: &ConnectionRegistry) {
    let limits = &settings.server.limits;
    connections.unbound.set_max(limits.unauthenticated_total_mb << 20);
    let per_network = limits.refusal_lines_per_sec_per_address;
    crate::platform::set_line_limits(per_network, limits.refusal_lines_per_sec);
}

fn servers(settings: &Settings) -> Vec<LdapServer> {
    let authentication = &settings.security.authentication;
    authentication.ldap.connection.iter().map(LdapConnection::to_ldap_server).collect()
}
