//! The format of a store: a file beside the database, written last when a store is made.

use std::io::{self, Write};
use std::path::Path;

use super::error::StoreError;
use super::high_water_mark::HighWaterMark;
/// What the format file says.
pub(super) const FORMAT: &str = "tollgate store 6";
/// Formats that this version also reads. 1: without an audit trail. 2: without former passwords,
/// one-time tokens, lifetimes of tokens and the check of the pepper. 3: without second factors,
/// pending logins, active codes, resets that users requested, and mails. 4: with a value for each
/// entry and each audit row. 5: with the former names of commands and fields.
const OLDER_FORMATS: [&str; 5] = [
    "tollgate store 1",
    "tollgate store 2",
    "tollgate store 3",
    "tollgate store 4",
    "tollgate store 5",
];

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreState {
    /// No store.
    Missing,
    /// A store that an older version made.
    Older,
    /// A store of this version.
    Current,
}

/// What the folder holds. A store without its format file is not taken for new.
pub(super) fn check(dir: &Path) -> Result<StoreState, StoreError> {
    match std::fs::read_to_string(dir.join("format")) {
        Ok(text) if text.trim() == FORMAT => Ok(StoreState::Current),
        Ok(text) if OLDER_FORMATS.contains(&text.trim()) => Ok(StoreState::Older),
        Ok(text) if is_format(text.trim()) => {
            Err(StoreError::Format { found: text.trim().to_owned(), supported: FORMAT })
        }
        Ok(_) => Err(StoreError::Damaged("the format file cannot be read".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The format is written last: a mark of some entry belongs to a store that was made.
            let is_marked = || {
                dir.join("high-water").exists()
                    && HighWaterMark::open(dir)
                        .is_ok_and(|it| it.read().is_some_and(|(seq, _)| seq > 0))
            };
            if is_marked() {
                Err(StoreError::Damaged("the format file is gone".to_owned()))
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

/// Whether a text is the format of some version of this program.
fn is_format(text: &str) -> bool {
    let version = text.strip_prefix("tollgate store ");
    version.is_some_and(|version| version.len() < 10 && version.parse::<u32>().is_ok())
}

/// Says that the folder holds a store of this version.
pub(super) fn write(dir: &Path) -> io::Result<()> {
    // Whole or not there: half a format would be no format for ever.
    let unfinished = dir.join("format.new");
    let mut file = std::fs::File::create(&unfinished)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    std::fs::rename(unfinished, dir.join("format"))?;
    std::fs::File::open(dir)?.sync_all()
}
