//! The store: rows and the number of the entry that they reflect, written together, loaded at
//! start.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::log::Seq;
use crate::log::mark::Mark;
use crate::log::sled::SledLog;
use crate::realm::Row;

/// Why a store cannot be used, by what its owner may do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("the store is in use by another process; stop that one first")]
    Locked,
    /// Something that was stored is missing or altered.
    #[error("the store is damaged: {0}; nothing was changed, restore a backup")]
    Damaged(String),
    /// It was made by a version that this one does not know.
    #[error("the store has format {0}, this version reads {FORMAT}")]
    Format(String),
    /// The disk said no.
    #[error("the store cannot be read or written: {0}")]
    Io(#[source] io::Error),
}

/// What the format file says.
const FORMAT: &str = "tollgate store 1";
/// A damaged store must be told from a slow one in this time, and in as much again for each of
/// these many bytes.
const OPEN_WAIT: Duration = Duration::from_secs(4);
const OPEN_BYTES: u64 = 64 << 20;
/// The key of [`Image`]; rows begin with a letter.
const IMAGE: &[u8] = &[0];

/// What the rows add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Image {
    applied: Seq,
    rows: u64,
    digest: u128,
}

/// An open store.
pub struct Store {
    db: sled::Db,
    rows: sled::Tree,
    dir: std::path::PathBuf,
    image: Mutex<Image>,
    /// Whether the sum of the rows could be read.
    has_sum: bool,
    is_new: bool,
}

impl StoreError {
    /// What sled says, sorted.
    pub fn sled(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Locked,
            sled::Error::Io(error) if error.to_string().contains("lock") => Self::Locked,
            sled::Error::Io(error) => Self::Io(error),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl Store {
    /// Opens the store in `dir`, or makes one. `cache_mb`: what sled keeps in memory.
    pub fn open(dir: &Path, cache_mb: u64) -> Result<Self, StoreError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(StoreError::Io)?;
        let is_new = check_format(dir)?;
        let hangs = || StoreError::Damaged("the database does not open in time".to_owned());
        let db = match open_sled(dir, cache_mb).ok_or_else(hangs)? {
            Err(StoreError::Damaged(why)) => {
                // A damaged snapshot blocks sled, which can do without it.
                if !set_snapshots_aside(dir).map_err(StoreError::Io)? {
                    return Err(StoreError::Damaged(why));
                }
                open_sled(dir, cache_mb).ok_or_else(hangs)??
            }
            opened => opened?,
        };
        let rows = db.open_tree("rows").map_err(StoreError::sled)?;
        let log = db.open_tree("log").map_err(StoreError::sled)?;
        if is_new && !(rows.is_empty() && log.is_empty()) {
            return Err(StoreError::Damaged("the format file is gone".to_owned()));
        }
        // Without a sum the rows are not to be trusted; the log can make them again.
        let image = rows.get(IMAGE).map_err(StoreError::sled)?;
        let sum = image.map_or(rows.is_empty().then(Image::default), |it| Image::read(&it));
        let image = Mutex::new(sum.unwrap_or_default());
        Ok(Self { db, rows, dir: dir.to_owned(), image, has_sum: sum.is_some(), is_new })
    }

    /// Whether a folder holds what a store is made of, whole or not.
    pub fn is_in(dir: &Path) -> bool {
        ["format", "high-water", "sled"].iter().any(|part| dir.join(part).exists())
    }

    /// Whether nothing was there before.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// The log in the same database.
    pub fn log(&self) -> Result<SledLog, StoreError> {
        let log = SledLog::open(&self.db, &self.dir, self.is_new)?;
        if self.is_new {
            // The last step of making a store: whatever ends before it has made none.
            write_format(&self.dir).map_err(StoreError::Io)?;
        }
        let applied = self.applied();
        if applied > log.last() || applied + 1 < log.first() {
            let why = format!(
                "the rows reflect entry {applied}, the log has {} to {}",
                log.first(),
                log.last()
            );
            return Err(StoreError::Damaged(why));
        }
        Ok(log)
    }

    /// The entry that the rows reflect.
    pub fn applied(&self) -> Seq {
        self.image.lock().applied
    }

    /// Visits all rows and checks that none is missing or altered.
    pub fn load(
        &self,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
    ) -> Result<(), StoreError> {
        if !self.has_sum {
            return Err(StoreError::Damaged("the rows have no sum".to_owned()));
        }
        let mut found = Image { applied: self.applied(), ..Image::default() };
        let mut walk = || -> Result<(), StoreError> {
            for row in self.rows.iter() {
                let (key, value) = row.map_err(StoreError::sled)?;
                if *key != *IMAGE {
                    found.add(&key, &value);
                    visit(&key, &value).map_err(StoreError::Damaged)?;
                }
            }
            Ok(())
        };
        let walked = std::panic::catch_unwind(AssertUnwindSafe(&mut walk));
        walked
            .unwrap_or_else(|_| Err(StoreError::Damaged("the rows cannot be read".to_owned())))?;
        match found == *self.image.lock() {
            true => Ok(()),
            false => Err(StoreError::Damaged("rows are missing or altered".to_owned())),
        }
    }

    /// Saves what an entry changed, and that it is reflected now, in one step. Durable with the
    /// next commit of the log; before that a restart applies the entry again.
    pub fn save(&self, seq: Seq, changes: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(), StoreError> {
        let mut image = self.image.lock();
        let mut next = Image { applied: seq, ..*image };
        let mut newest = std::collections::BTreeMap::new();
        newest.extend(changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref())));
        let mut batch = sled::Batch::default();
        for (key, value) in newest {
            if let Some(old) = self.rows.get(key).map_err(StoreError::sled)? {
                next.remove(key, &old);
            }
            match value {
                Some(value) if value.len() > Row::VALUE_MAX => {
                    let why = format!("a row of {} bytes", value.len());
                    return Err(StoreError::Io(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                Some(value) => {
                    next.add(key, value);
                    batch.insert(key, value);
                }
                None => batch.remove(key),
            }
        }
        batch.insert(IMAGE, next.write());
        self.rows.apply_batch(batch).map_err(StoreError::sled)?;
        *image = next;
        Ok(())
    }

    /// Forgets the rows, so that the log can make them again.
    pub fn clear_rows(&self) -> Result<(), StoreError> {
        self.rows.clear().map_err(StoreError::sled)?;
        *self.image.lock() = Image::default();
        Ok(())
    }

    /// Writes everything out: at the end.
    pub fn flush(&self) {
        if let Err(error) = self.db.flush() {
            tracing::warn!(%error, "the last flush failed; the log has everything");
        }
    }
}

impl Image {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_add(1);
        self.digest = self.digest.wrapping_add(digest(key, value));
    }

    fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.rows = self.rows.wrapping_sub(1);
        self.digest = self.digest.wrapping_sub(digest(key, value));
    }

    fn write(self) -> Vec<u8> {
        let (applied, rows) = (self.applied.to_be_bytes(), self.rows.to_be_bytes());
        let body = [&applied[..], &rows, &self.digest.to_be_bytes()].concat();
        let check = digest(IMAGE, &body).to_be_bytes();
        [&body[..], &check].concat()
    }

    /// What [`Image::write`] made, if it is whole.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_at_checked(32)?;
        if check != digest(IMAGE, body).to_be_bytes() {
            return None;
        }
        let number = |at: usize| body[at..at + 8].try_into().map(u64::from_be_bytes).ok();
        let digest = body[16..].try_into().map(u128::from_be_bytes).ok()?;
        Some(Self { applied: number(0)?, rows: number(8)?, digest })
    }
}

/// The weight of one row in the sum of all.
fn digest(key: &[u8], value: &[u8]) -> u128 {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    let hash: [u8; 32] = hash.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(half)
}

/// Whether the folder holds no store yet. A store without its format file is not taken for new.
fn check_format(dir: &Path) -> Result<bool, StoreError> {
    match std::fs::read_to_string(dir.join("format")) {
        Ok(text) if text.trim() == FORMAT => Ok(false),
        Ok(text) if is_format(text.trim()) => Err(StoreError::Format(text.trim().to_owned())),
        Ok(_) => Err(StoreError::Damaged("the format file cannot be read".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The format is written last: a mark of some entry belongs to a store that was made.
            let is_marked = || {
                dir.join("high-water").exists()
                    && Mark::open(dir).is_ok_and(|it| it.read().is_some_and(|(seq, _)| seq > 0))
            };
            match is_marked() {
                true => Err(StoreError::Damaged("the format file is gone".to_owned())),
                false => Ok(true),
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

fn write_format(dir: &Path) -> io::Result<()> {
    use std::io::Write;
    // Whole or not there: half a format would be no format for ever.
    let unfinished = dir.join("format.new");
    let mut file = std::fs::File::create(&unfinished)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    std::fs::rename(unfinished, dir.join("format"))?;
    std::fs::File::open(dir)?.sync_all()
}

/// Opens sled on a thread, so that neither a panic nor a hang of it takes the process along. None:
/// it hangs, and holds the lock of its file.
fn open_sled(dir: &Path, cache_mb: u64) -> Option<Result<sled::Db, StoreError>> {
    let config = sled::Config::default()
        .path(dir.join("sled"))
        .cache_capacity(cache_mb.max(1) << 20)
        .flush_every_ms(None);
    let (sender, receiver) = mpsc::channel();
    let open = move || {
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| config.open()));
        // The receiver is gone only after the wait, when nobody wants the answer any more.
        let _ = sender.send(opened);
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::spawn(open);
    let bytes = std::fs::metadata(dir.join("sled").join("db")).map_or(0, |file| file.len());
    let wait = OPEN_WAIT.saturating_mul(u32::try_from(1 + bytes / OPEN_BYTES).unwrap_or(u32::MAX));
    let opened = receiver.recv_timeout(wait);
    std::panic::set_hook(hook);
    match opened {
        Ok(Ok(opened)) => Some(opened.map_err(StoreError::sled)),
        Ok(Err(_)) => Some(Err(StoreError::Damaged("the database cannot be opened".to_owned()))),
        Err(_) => None,
    }
}

/// Renames sled's snapshots. False if there is none.
fn set_snapshots_aside(dir: &Path) -> io::Result<bool> {
    let mut found = false;
    for file in std::fs::read_dir(dir.join("sled"))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with("snap.") {
            std::fs::rename(file.path(), dir.join(format!("set-aside-{name}")))?;
            found = true;
        }
    }
    Ok(found)
}
