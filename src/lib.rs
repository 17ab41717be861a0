//! tollgate is an authentication and entitlements gateway for trading GUIs. Clients log in, send
//! heartbeats, administer users, profiles and rights, and follow rights live over one WebSocket or
//! over REST. State is a log of commands, applied by a pure realm; a commit is durable before it is
//! acknowledged and is pushed to its subscribers before the acknowledgement is sent. [`docs`] holds
//! the manual: the [architecture](docs::architecture) and the [configuration](docs::configuration).

// The modules stand in the order of their dependencies: each may use those below it.

/// The command line: one file or folder for each sub-command.
pub mod cli;

/// Load and conformance tester: plays, records and reports message scripts.
pub mod replay;

/// Transports: listener, TLS, HTTP, REST, WebSocket and management; the client side.
pub mod net;

/// Finds the handler of a message, authenticates, authorizes, dispatches and builds the reply.
pub mod router;

/// One file for each MESSAGE_TYPE, in folders by subject; the handler table and the API schemas.
pub mod messages;

/// The running gateway: shared state, start-up, reload, connections and background tasks.
pub mod gateway;

/// The command log and the replica that applies it.
pub mod replication;

/// Live sessions of this gateway: registry, last-seen times and timeouts.
pub mod sessions;

/// Data sources, subscriptions, matching and fan-out of changes.
pub mod subscriptions;

/// Configuration: sections, loading, checks and reference.
pub mod settings;

/// Mail addresses, message templates and transports.
pub mod mail;

/// Proofs of identity: password hashing, LDAP, TOTP, tokens and the key ring.
pub mod auth;

/// Durable state: ledger, row store, audit trail and export file.
pub mod storage;

/// Clock, randomness, process limits, exit codes and metrics.
pub mod platform;

/// The pure core: users, profiles, rights, sessions and the rules about them.
pub mod realm;

/// The manual.
pub mod docs {
    #[doc = include_str!("docs/architecture.md")]
    pub mod architecture {}

    #[doc = include_str!("docs/configuration.md")]
    pub mod configuration {}
}
