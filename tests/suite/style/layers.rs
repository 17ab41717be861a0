//! Lists for `tidy.rs`: module layers, restricted crates, pure files, impure words.

/// The modules of the crate, from the highest layer (command line, transport) to the lowest
/// (realm): each may use those after it.
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

/// Crates and functions that may be used only in the files and folders listed with them.
pub const HOMES: &[(&str, &[&str])] = &[
    ("hyper", &["net"]),
    ("tokio_tungstenite", &["net"]),
    ("rustls::", &["net", "auth/ldap"]),
    ("ldap3", &["auth/ldap"]),
    ("totp_rs", &["auth/totp.rs"]),
    ("qrcodegen", &["auth/qr_code.rs"]),
    ("png::", &["auth/qr_code.rs"]),
    ("minijinja", &["mail/template.rs", "replay/report/html.rs"]),
    ("plotters", &["replay/report/plots.rs"]),
    ("comfy_table", &["replay/report/table.rs"]),
    ("hdrhistogram", &["replay/measurements.rs"]),
    ("lettre", &["mail/address.rs", "mail/transport.rs"]),
    ("x509_parser", &["net/tls.rs"]),
    ("csv::", &["cli/import_users", "replay/variables.rs", "replay/report/text.rs"]),
    ("fst::", &["build.rs", "messages/passwords/rules/word_lists.rs"]),
    ("sled::", &["storage", "replication/log"]),
    ("scrypt::", &["auth/password_hasher"]),
    ("rand::", &["platform/random.rs", "cli/populate.rs"]),
    ("SystemTime::now", &["platform/clock.rs"]),
    ("Instant::now", &["platform/clock.rs"]),
];

/// Syntax that uses a module in a way that the checks cannot see.
pub const UNSEEN: [&str; 5] =
    ["#[path", "include!(", "extern crate", "self::super", "use crate::*"];

/// Names of public types that may be defined in several files.
pub const NAMES_THAT_MAY_REPEAT: [&str; 3] = ["Ack", "Details", "Error"];

/// Pure files: without clock, randomness, I/O, threads or hash maps. All files of `realm` and
/// `messages/passwords/rules` are pure, too.
pub const PURE: &[&str] = &[
    "net/rate_limit.rs",
    "net/websocket/connection_state.rs",
    "net/websocket/frame_reader.rs",
    "replay/record/har.rs",
    "replay/record/mod.rs",
    "replay/record/redact.rs",
    "replay/record/transcript.rs",
];

/// Words that the code of a pure file must not contain; comments may.
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
    "std::process",
    "platform::",
    "Mutex",
    "RwLock",
];
