//! tollgate, an authentication and entitlements gateway for trading GUIs.
//!
//! Clients log in, send heartbeats, administer users, profiles and rights, and receive each change
//! of a right at once. They use one WebSocket, or REST. The realm is the state: users, profiles,
//! rights and sessions. It changes only by applying a log of commands. A change is durable, and
//! on its way to its subscribers, before it is acknowledged. The manual ([`docs`]) begins with the
//! [architecture](docs::architecture).

// The modules are in the order of their dependencies: each may use only those below it.

/// The command line: one file or folder for each sub-command.
pub mod cli;

/// Load and conformance tester: records and plays message scripts, and reports the results.
pub mod replay;

/// Transports: listener, TLS, HTTP, REST, WebSocket and management port; the client.
pub mod net;

/// Message router: finds the handler, authenticates, authorizes, dispatches, builds the reply.
pub mod router;

/// One file for each MESSAGE_TYPE, in folders by subject; the handler table and the API schemas.
pub mod messages;

/// The running gateway: shared state, start-up, reload, connections and background tasks.
pub mod gateway;

/// The command log and the replica that applies it.
pub mod replication;

/// Live sessions of this gateway: registry, last-seen times and timeouts.
pub mod sessions;

/// Data sources, subscriptions, and the delivery of changes to subscribers.
pub mod subscriptions;

/// Configuration: sections, loading, checks and reference.
pub mod settings;

/// Mail addresses, message templates and transports.
pub mod mail;

/// Authentication: password hashing, LDAP, TOTP, tokens and the key ring.
pub mod auth;

/// Durable state: row store, export file, and the ledgers (command log and audit trail).
pub mod storage;

/// Clock, randomness, process limits, exit codes and metrics.
pub mod platform;

/// The pure core: users, profiles, rights, sessions and the rules about them.
pub mod realm;

/// The manual.
pub mod docs {
    #[doc = include_str!("docs/architecture.md")]
    pub mod architecture {}

    #[doc = include_str!("docs/benchmarks.md")]
    pub mod benchmarks {}

    #[doc = include_str!("docs/changelog.md")]
    pub mod changelog {}

    #[doc = include_str!("docs/configuration.md")]
    pub mod configuration {}

    #[doc = include_str!("docs/load-testing.md")]
    pub mod load_testing {}

    #[doc = include_str!("docs/migration.md")]
    pub mod migration {}

    #[doc = include_str!("docs/operations.md")]
    pub mod operations {}

    #[doc = include_str!("docs/rest.md")]
    pub mod rest {}

    #[doc = include_str!("docs/reverse-proxies.md")]
    pub mod reverse_proxies {}

    #[doc = include_str!("docs/security.md")]
    pub mod security {}
}
