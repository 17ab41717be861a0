//! What may stand where: modules and what they import, crates that belong to one place, words that
//! a pure file does not have.

/// The modules of the crate, from transport to core: each may use those below it.
pub const MODULES: [&str; 15] = [
    "cli",
    "replay",
    "net",
    "router",
    "messages",
    "gateway",
    "replication",
    "sessions",
    "subscriptions",
    "settings",
    "mail",
    "auth",
    "storage",
    "platform",
    "realm",
];

/// Crates that belong to one place.
pub const HOMES: &[(&str, &[&str])] = &[
    ("hyper", &["net"]),
    ("tokio_tungstenite", &["net"]),
    ("rustls::", &["net", "outside/ldap"]),
    ("ldap3", &["outside/ldap"]),
    ("totp_rs", &["outside/totp.rs"]),
    ("minijinja", &["templates.rs", "replay/report/html.rs"]),
    ("plotters", &["replay/report/plots.rs"]),
    ("comfy_table", &["replay/report/table.rs"]),
    ("hdrhistogram", &["replay/tally.rs"]),
    ("lettre", &["outside/mail.rs"]),
    ("x509_parser", &["net/tls.rs"]),
    ("csv::", &["cli/import_users", "replay/values.rs", "replay/report/text.rs"]),
    ("fst::", &["strength/words.rs"]),
    ("sled::", &["store.rs", "store/ledger.rs", "store/trail.rs", "log/sled"]),
    ("scrypt::", &["outside/passwords"]),
    ("rand::", &["platform/random.rs", "cli/populate.rs"]),
    ("SystemTime::now", &["platform/clock.rs"]),
    ("Instant::now", &["platform/clock.rs"]),
];

/// Words that a pure file does not have, outside its comments.
pub const IMPURE: &[&str] = &[
    "tokio",
    "tracing",
    "async ",
    "HashMap",
    "SystemTime",
    "Instant",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "rand::",
    "parking_lot",
    "dashmap",
    "HashSet",
    "metrics::",
    "new_v4",
];
