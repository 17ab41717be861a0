//! Checks of the store: permissions, disk space, integrity, salt, administrator and resets.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::Finding;
use super::finding::Severity::{Advice, Problem, Weak};

/// The state of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFacts {
    /// The directory has no store.
    Missing,
    /// A gateway has it open, so it is not checked.
    InUse,
    /// It cannot be opened, or is damaged.
    Unusable(String),
    /// It was read completely without an error.
    Intact {
        /// Whether its hashes were made with the configured salt.
        pepper_matches: bool,
        /// Whether an enabled user can amend users.
        has_administrator: bool,
        /// Users in PASSWORD_RESET without a password (pending blank resets).
        open_resets: usize,
    },
}

/// Returns the findings about the store. `short` is the text of a lack of disk space; `None` if the
/// space is sufficient.
pub fn check(dir: &Path, facts: &StoreFacts, short: Option<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let at = dir.display().to_string();
    if let Some(mode) = std::fs::metadata(dir).ok().map(|it| it.mode() & 0o777)
        && mode & 0o077 != 0
    {
        let why =
            format!("other users can access it (mode {mode:03o}), and it contains password hashes");
        found.push(Finding::new(Weak, at.clone(), why, format!("chmod 700 {at}")));
    }
    if let Some(why) = short {
        let change = "free disk space, or lower store.disk_reserve_mb";
        found.push(Finding::new(Problem, at.clone(), why, change));
    }
    match facts {
        StoreFacts::Missing | StoreFacts::InUse => {}
        StoreFacts::Unusable(why) => {
            let change = "restore a backup into a new directory with `tollgate import`";
            found.push(Finding::new(Problem, at, why.clone(), change));
        }
        StoreFacts::Intact { pepper_matches: has_its_salt, has_administrator, open_resets } => {
            if !has_its_salt {
                let why = "its passwords were hashed with another salt, so none of them matches";
                let change = "restore the former password_salt, or run `tollgate user accept-salt` \
                              and reset the passwords";
                found.push(Finding::new(Problem, at.clone(), why, change));
            }
            if !has_administrator {
                let why = "no enabled user can amend users";
                let change = "start the gateway, which creates the user admin if that name is \
                              free, or set a password with `tollgate user passwd`";
                found.push(Finding::new(Advice, at.clone(), why, change));
            }
            if *open_resets > 0 {
                let why = format!("users without a password since a reset: {open_resets}");
                found.push(Finding::new(
                    Advice,
                    at,
                    why,
                    "have them set a password, or delete them",
                ));
            }
        }
    }
    found
}
