//! How the program ends, in numbers.

/// What each exit code says, for `--help` and the README.
pub const EXIT_CODES: &[(i32, &str)] = &[
    (OK, "done, or drained after SIGTERM"),
    (FAILURE, "the command failed; stderr says why"),
    (USAGE, "the command line cannot be read"),
    (DAMAGED, "the store is damaged; nothing was served"),
    (LOCKED, "another process has the store open"),
    (STORE, "the store cannot be read or written"),
    (SETTINGS, "the configuration is wrong"),
    (ADDRESS, "the address cannot be listened on"),
    (REPLAY_FAILED, "a replay differed from its scripts, or crossed a limit"),
];

/// Done.
pub const OK: i32 = 0;
/// The command failed.
pub const FAILURE: i32 = 1;
/// The command line cannot be read (clap's code).
pub const USAGE: i32 = 2;
/// The store is damaged.
pub const DAMAGED: i32 = 3;
/// Another process has the store open.
pub const LOCKED: i32 = 4;
/// The store cannot be read or written.
pub const STORE: i32 = 5;
/// The configuration is wrong.
pub const SETTINGS: i32 = 6;
/// The address cannot be listened on.
pub const ADDRESS: i32 = 7;
/// A replay differed from its scripts, or crossed a limit.
pub const REPLAY_FAILED: i32 = 8;
