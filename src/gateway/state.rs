//! The parts of one running gateway, put together once and shared by all its sockets.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::{Notify, Semaphore};

use crate::auth::key_ring::Keyring;
use crate::auth::ldap::directory::{Directory, Server};
use crate::auth::password_hasher::hasher::Passwords;
use crate::gateway::connections::Connections;
use crate::gateway::failure_limiter::Throttle;
use crate::gateway::refusal_log::Notes;
use crate::gateway::rest_subscriptions::Polls;
use crate::gateway::service_list::ServiceBoard;
use crate::mail::transport::Mailer;
use crate::platform::clock::Clock;
use crate::platform::file_descriptors;
use crate::realm::model::ids::Location;
use crate::realm::model::ids::Millis;
use crate::realm::model::policy;
use crate::realm::model::policy::Policy;
use crate::realm::model::policy::{LockScope, WhenFull};
use crate::replication::replica::Replica;
use crate::sessions::timeouts::{Limits, Watch};
use crate::settings::root::Settings;
use crate::settings::sections::authentication::AuthType;
use crate::settings::sections::ldap::Connection;
use crate::settings::sections::security::LoginErrors;

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

const DAY_MS: Millis = 86_400_000;
/// Requests for resets that are looked at beside their answer; beyond, they are dropped.
const RESETS_AT_ONCE: usize = 64;

fn servers(settings: &Settings) -> Vec<Server> {
    let authentication = &settings.security.authentication;
    authentication.ldap.connection.iter().map(Connection::server).collect()
}

fn mfa(settings: &Settings) -> policy::Mfa {
    let mfa = &settings.security.mfa;
    let names = |list: &[String]| list.iter().map(|name| name.as_str().into()).collect();
    let links = |it: &crate::settings::sections::mfa::Notify| policy::Links {
        temporary_ms: it.temp_code_expiry_duration.millis(),
        active_ms: it.active_code_expiry_duration.millis(),
    };
    policy::Mfa {
        totp: mfa.qr_code.is_some(),
        totp_for: names(&mfa.required_for),
        link: mfa.notify.as_ref().map(links),
        link_for: mfa.notify.as_ref().map(|it| names(&it.required_for)).unwrap_or_default(),
        codes_max: mfa.max_attempts,
        confirm_ms: mfa.qr_code.as_ref().map_or(0, |it| it.confirm_wait_period_secs * 1_000),
    }
}

/// What the realm needs of the settings.
pub fn policy(settings: &Settings) -> Policy {
    let security = &settings.security;
    let retry = &security.genesis_password.retry;
    let strength = &security.genesis_password.validation.password_strength;
    let idle_ms = security.session_timeout_ms();
    Policy {
        idle_ms,
        refresh_ms: security.refresh_token_expiration_ms(),
        touch_ms: (idle_ms / 10).min(60_000),
        sessions_max: u32::try_from(security.max_simultaneous_user_logins)
            .ok()
            .filter(|max| *max > 0),
        when_full: match security.when_sessions_are_full {
            crate::settings::sections::security::WhenSessionsAreFull::Refuse => WhenFull::Refuse,
            crate::settings::sections::security::WhenSessionsAreFull::EvictOldest => {
                WhenFull::EvictOldest
            }
        },
        rotation: security.refresh_rotation,
        grace_ms: security.refresh_grace_secs * 1_000,
        attempts_max: retry.max_attempts,
        lock_ms: retry.wait_time_ms(),
        lock_scope: match retry.scope {
            crate::settings::sections::genesis_password::LockScope::User => LockScope::User,
            crate::settings::sections::genesis_password::LockScope::UserAndAddress => {
                LockScope::UserAndSource
            }
        },
        history: strength.history(),
        password_age_ms: strength.expiry_days().map(|days| Millis::from(days) * DAY_MS),
        access_ms: security.access_token_life_secs * 1_000,
        one_time_ms: security.one_time_token_secs * 1_000,
        strict_amend: security.strict_amend,
        reset_ms: security.reset_window_ms(),
        blank_reset: security.reset_mode == crate::settings::sections::security::ResetMode::Blank,
        uniform: security.login_errors == LoginErrors::Uniform,
        mfa: mfa(settings),
        self_reset: security.genesis_password.self_service_reset.as_ref().map(|it| {
            let (timeout_ms, cool_ms) = (it.timeout_ms(), it.cool_down_ms());
            policy::SelfResets { timeout_ms, cool_ms }
        }),
        directory: security.authentication.kind == AuthType::Ldap,
        location: Location::parse(&settings.server.location).unwrap_or_default(),
    }
}
