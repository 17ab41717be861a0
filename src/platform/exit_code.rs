//! Exit codes of the program.

/// Each exit code with its description, as listed by `--help`.
pub const EXIT_CODES: &[(i32, &str)] = &[
    (OK, "success, or shutdown after SIGTERM or SIGINT"),
    (FAILURE, "the command failed; see stderr"),
    (USAGE, "the command line is invalid"),
    (DAMAGED, "the store is damaged"),
    (LOCKED, "another process has the store open"),
    (STORE, "the store cannot be read or written, or a newer version of tollgate wrote it"),
    (SETTINGS, "the configuration, the certificate or its key is invalid"),
    (ADDRESS, "cannot listen on the address"),
    (
        REPLAY_FAILED,
        "a replay crossed a threshold, or with --verify had a difference or an incomplete round",
    ),
];

/// Success, or shutdown after SIGTERM or SIGINT.
pub const OK: i32 = 0;
/// The command failed.
pub const FAILURE: i32 = 1;
/// The command line is invalid (clap's code).
pub const USAGE: i32 = 2;
/// The store is damaged.
pub const DAMAGED: i32 = 3;
/// Another process has the store open.
pub const LOCKED: i32 = 4;
/// The store cannot be read or written, or has the format of a newer version.
pub const STORE: i32 = 5;
/// The configuration, the certificate or its key is invalid.
pub const SETTINGS: i32 = 6;
/// Cannot listen on the address.
pub const ADDRESS: i32 = 7;
/// A replay crossed a threshold, or with `--verify` had a difference or an incomplete round.
pub const REPLAY_FAILED: i32 = 8;
