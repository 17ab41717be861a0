//! The store: who may read it, whether there is room, whether it is whole, whose salt it has.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::Finding;
use super::finding::Severity::{Advice, Problem, Weak};
/// What was found in the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreFacts {
    /// No store yet.
    Missing,
    /// A gateway has it open: it looks after it.
    InUse,
    /// It cannot be opened, or is damaged.
    Unusable(String),
    /// It is whole.
    Intact {
        /// Whether the configured salt is the one of its hashes.
        pepper_matches: bool,
        /// Whether somebody can amend users.
        has_administrator: bool,
        /// Users in PASSWORD_RESET without a password: blank resets that are open.
        open_resets: usize,
    },
}

/// All that should be different. `short`: why nothing more would be accepted, if so.
pub fn check(dir: &Path, facts: &StoreFacts, short: Option<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let at = dir.display().to_string();
    if let Some(mode) = std::fs::metadata(dir).ok().map(|it| it.mode() & 0o777)
        && mode & 0o077 != 0
    {
        let why = format!("others can look into it (mode {mode:03o}): it holds password hashes");
        found.push(Finding::new(Weak, at.clone(), why, format!("chmod 700 {at}")));
    }
    if let Some(why) = short {
        let change = "make room, or lower store.disk_reserve_mb";
        found.push(Finding::new(Problem, at.clone(), why, change));
    }
    match facts {
        StoreFacts::Missing | StoreFacts::InUse => {}
        StoreFacts::Unusable(why) => {
            let change = "restore a backup, as the README says";
            found.push(Finding::new(Problem, at, why.clone(), change));
        }
        StoreFacts::Intact { pepper_matches: has_its_salt, has_administrator, open_resets } => {
            if !has_its_salt {
                let why = "the salt is not the one that its passwords were hashed with";
                let change = "set the former password_salt again, or accept this one with \
                              `tollgate user accept-salt` and reset the passwords";
                found.push(Finding::new(Problem, at.clone(), why, change));
            }
            if !has_administrator {
                let why = "nobody is enabled who can amend users";
                let change = "the next start makes the user admin, if there is none of that name; \
                              else `tollgate user passwd` sets a password";
                found.push(Finding::new(Advice, at.clone(), why, change));
            }
            if *open_resets > 0 {
                let why = format!("{open_resets} users were reset and have no password");
                found.push(Finding::new(Advice, at, why, "see that they set one, or delete them"));
            }
        }
    }
    found
}
