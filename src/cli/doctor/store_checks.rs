//! Checks of the store: permissions, disk space, integrity, pepper, administrator and resets.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::Finding;
use super::finding::Severity::{Advice, Problem, Weak};

/// The state of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFacts {
    /// The directory has no store.
    Missing,
    /// A gateway has the store open, so the store is not checked.
    InUse,
    /// The store cannot be opened, or is damaged.
    Unusable {
        /// The reason.
        why: String,
        /// What the operator can do.
        change: &'static str,
    },
    /// The store was opened without an error.
    Intact {
        /// Whether its password hashes were made with the configured pepper.
        pepper_matches: bool,
        /// Whether a user who can log in holds all administration rights.
        has_administrator: bool,
        /// Number of users with the status PASSWORD_RESET and without a password. Either they were
        /// reset with `reset_mode = "blank"` (the reset may have expired), or the mail with their
        /// one-time password is not sent yet.
        open_resets: usize,
    },
}

/// Returns the findings about the store. `short` describes a shortage of disk space; `None` if the
/// space is sufficient.
pub fn check(dir: &Path, facts: &StoreFacts, short: Option<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let at = dir.display().to_string();
    if let Some(mode) = std::fs::metadata(dir).ok().map(|it| it.mode() & 0o777)
        && mode & 0o077 != 0
    {
        let why =
            format!("other users can read the password hashes in this directory (mode {mode:03o})");
        found.push(Finding::new(Weak, at.clone(), why, format!("chmod 700 {at}")));
    }
    if let Some(why) = short {
        let change = "free disk space, or lower store.disk_reserve_mb";
        found.push(Finding::new(Problem, at.clone(), why, change));
    }
    match facts {
        StoreFacts::Missing | StoreFacts::InUse => {}
        StoreFacts::Unusable { why, change } => {
            found.push(Finding::new(Problem, at, why.clone(), *change));
        }
        StoreFacts::Intact { pepper_matches, has_administrator, open_resets } => {
            if !pepper_matches {
                let why = "password_salt differs from that of the store: passwords hashed with \
                           the former value do not match";
                let change = "restore the former password_salt, or run `tollgate user accept-salt` \
                              and reset the passwords";
                found.push(Finding::new(Problem, at.clone(), why, change));
            }
            if !has_administrator {
                let why = "no user who can log in holds all administration rights";
                let change = "start the gateway, which creates the user admin in a store without \
                              any administrator, or run `tollgate admin recover --user NAME`";
                found.push(Finding::new(Advice, at.clone(), why, change));
            }
            if *open_resets > 0 {
                let why = format!("users without a password since a reset: {open_resets}");
                found.push(Finding::new(
                    Advice,
                    at,
                    why,
                    "let these users set a password, or delete them",
                ));
            }
        }
    }
    found
}
