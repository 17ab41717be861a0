//! The format file of a store, written last when a store is created.

use std::io::{self, Write};
use std::path::Path;

use super::error::StoreError;
use super::high_water_mark::HighWaterMark;

/// The content of the format file.
pub(super) const FORMAT: &str = "tollgate store 7";
/// Formats that this version also reads:
///
/// * 1 has no audit trail.
/// * 2 has no former passwords, one-time tokens, token lifetimes or pepper check.
/// * 3 has no second factors, pending logins, active codes, resets requested by users, or mails.
/// * 4 has one stored value for each entry and each audit row.
/// * 5 has former names of commands and fields.
/// * 6 has entries of the first edition of the rules only ([`crate::realm::Edition`]).
const OLDER_FORMATS: [&str; 6] = [
    "tollgate store 1",
    "tollgate store 2",
    "tollgate store 3",
    "tollgate store 4",
    "tollgate store 5",
    "tollgate store 6",
];

/// The state of the store in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreState {
    /// The folder has no store.
    Missing,
    /// An older version created the store.
    Older,
    /// The store has the format of this version.
    Current,
}

/// Returns the state of the store in a folder. A store that has lost its format file is reported as
/// damaged, so that it is not taken for a new one.
pub(super) fn check(dir: &Path) -> Result<StoreState, StoreError> {
    match std::fs::read_to_string(dir.join("format")) {
        Ok(text) if text.trim() == FORMAT => Ok(StoreState::Current),
        Ok(text) if OLDER_FORMATS.contains(&text.trim()) => Ok(StoreState::Older),
        Ok(text) if is_format(text.trim()) => {
            Err(StoreError::Format { found: text.trim().to_owned(), supported: FORMAT })
        }
        Ok(_) => Err(StoreError::Damaged("the format file cannot be read".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The format file is written before the first entry is acknowledged. A high-water mark
            // of an entry therefore belongs to a store that had its format file.
            let is_marked = || {
                dir.join("high-water").exists()
                    && HighWaterMark::open(dir)
                        .is_ok_and(|it| it.read().is_some_and(|(seq, _)| seq > 0))
            };
            if is_marked() {
                Err(StoreError::Damaged("the format file is missing".to_owned()))
            } else {
                Ok(StoreState::Missing)
            }
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(StoreError::Damaged("the format file cannot be read".to_owned()))
        }
        Err(error) => Err(StoreError::Io(error)),
    }
}

/// Whether a text is the format of any version of this program.
fn is_format(text: &str) -> bool {
    let version = text.strip_prefix("tollgate store ");
    version.is_some_and(|version| version.len() < 10 && version.parse::<u32>().is_ok())
}

/// Writes the format file, which states that the folder has a complete store of this version.
pub(super) fn write(dir: &Path) -> io::Result<()> {
    // The file is written under another name and then renamed: a half-written format file would
    // make the store permanently unusable.
    let unfinished = dir.join("format.new");
    let mut file = std::fs::File::create(&unfinished)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    std::fs::rename(unfinished, dir.join("format"))?;
    std::fs::File::open(dir)?.sync_all()
}
