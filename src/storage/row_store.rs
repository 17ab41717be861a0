//! The store: rows and the number of the entry that they reflect, written together, loaded at
//! start.

use crate::storage::format;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::realm::row::{Key, Row};
use crate::replication::log::command_log::Seq;
use crate::replication::log::sled::sled_log::SledLog;
use crate::storage::audit_trail::{AuditNo, Trail};
use crate::storage::checksum::{IMAGE, Image};
use crate::storage::disk_space::Space;
use crate::storage::format::{FORMAT, Found};
use crate::storage::ledger::records::End;
use parking_lot::Mutex;

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

/// A damaged store must be told from a slow one in this time, and in as much again for each of
/// these many bytes.
const OPEN_WAIT: Duration = Duration::from_secs(4);
const OPEN_BYTES: u64 = 64 << 20;
/// sled counts the pages that it keeps by their size on the disk. In memory they grow to so much
/// more, as what changes them is kept beside them.
const CACHE_GROWTH: u64 = 10;
/// Threads that read rows at the start; rows that one hands over at once; what may wait of that.
const READERS_MAX: usize = 4;
const BATCH: usize = 512;
const BATCHES_MAX: usize = 16;

/// An open store.
pub struct Store {
    db: sled::Db,
    rows: sled::Tree,
    dir: std::path::PathBuf,
    space: Space,
    image: Mutex<Image>,
    /// Whether the sum of the rows could be read.
    has_sum: bool,
    found: Found,
    trail: Arc<Trail>,
    /// Rows of entries that were seen; the next save replaces them.
    seen: Mutex<Vec<Key>>,
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
    /// Opens the store in `dir`, or makes one. `cache_mb`: what sled may keep in memory;
    /// `reserve_mb`: what is kept back of the disk.
    pub fn open(dir: &Path, cache_mb: u64, reserve_mb: u64) -> Result<Self, StoreError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(StoreError::Io)?;
        let found = format::check(dir)?;
        if found == Found::Nothing {
            forget_unfinished(dir).map_err(StoreError::Io)?;
        }
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
        let generation = generation(&db);
        let rows = db.open_tree(named("rows", generation)).map_err(StoreError::sled)?;
        let log = db.open_tree("log").map_err(StoreError::sled)?;
        if found == Found::Nothing && !(rows.is_empty() && log.is_empty()) {
            return Err(StoreError::Damaged("the format file is gone".to_owned()));
        }
        // Without a sum the rows are not to be trusted; the log can make them again.
        let image = rows.get(IMAGE).map_err(StoreError::sled)?;
        let sum = image.map_or(rows.is_empty().then(Image::default), |it| Image::read(&it));
        let image = sum.unwrap_or_default();
        let trail = db.open_tree(named("audit", generation)).map_err(StoreError::sled)?;
        let trail = Arc::new(Trail::on_disk(trail, image.trail));
        let (image, has_sum) = (Mutex::new(image), sum.is_some());
        let (dir, space) = (dir.to_owned(), Space::new(dir, reserve_mb));
        Ok(Self { db, rows, dir, space, image, has_sum, found, trail, seen: Mutex::default() })
    }

    /// Whether a folder holds what a store is made of, whole or not.
    pub fn is_in(dir: &Path) -> bool {
        ["format", "high-water", "sled"].iter().any(|part| dir.join(part).exists())
    }

    /// Whether nothing was there before.
    pub fn is_new(&self) -> bool {
        self.found == Found::Nothing
    }

    /// The audit trail in the same database.
    pub fn trail(&self) -> &Arc<Trail> {
        &self.trail
    }

    /// The log in the same database.
    pub fn log(&self) -> Result<SledLog, StoreError> {
        let log = SledLog::open(&self.db, &self.dir, self.space.clone(), self.is_new())?;
        if self.found != Found::Current {
            // The last step of making a store: whatever ends before it has made none. An older one
            // is from here on one that only this version reads.
            format::write(&self.dir).map_err(StoreError::Io)?;
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

    /// Visits all rows, in any order, and checks that none is missing or altered.
    pub fn load(&self, mut visit: impl FnMut(Row)) -> Result<(), StoreError> {
        if !self.has_sum {
            return Err(StoreError::Damaged("the rows have no sum".to_owned()));
        }
        let mut found = Image { applied: self.applied(), ..Image::default() };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // A kind of rows is one thread's; those with the most rows are among the first.
        let kinds = Mutex::new((1..=u8::MAX).rev());
        let (sender, batches) = mpsc::sync_channel(BATCHES_MAX);
        std::thread::scope(|scope| {
            let read = |_| {
                let (kinds, sender) = (&kinds, sender.clone());
                scope.spawn(move || self.read(|| kinds.lock().next(), sender))
            };
            let threads: Vec<_> = (0..threads.min(READERS_MAX)).map(read).collect();
            drop(sender);
            batches.into_iter().flatten().for_each(|row| {
                if let Row::Seen(id, _) = &row {
                    self.seen.lock().push(Key::Seen(*id));
                }
                visit(row);
            });
            threads.into_iter().try_for_each(|thread| {
                let unreadable = |_| StoreError::Damaged("the rows cannot be read".to_owned());
                found.join(thread.join().map_err(unreadable)??);
                Ok(())
            })
        })?;
        found.trail = self.image.lock().trail;
        match found == *self.image.lock() {
            true => self.trail.check_end(),
            false => Err(StoreError::Damaged("rows are missing or altered".to_owned())),
        }
    }

    /// Reads one kind of rows after the other and gives what they add up to.
    fn read(
        &self,
        next: impl Fn() -> Option<u8>,
        sender: mpsc::SyncSender<Vec<Row>>,
    ) -> Result<Image, StoreError> {
        let (mut part, mut batch) = (Image::default(), Vec::with_capacity(BATCH));
        while let Some(kind) = next() {
            for row in self.rows.scan_prefix([kind]) {
                let (key, value) = row.map_err(StoreError::sled)?;
                part.add(&key, &value);
                batch.push(Row::read(&key, &value).map_err(StoreError::Damaged)?);
                if batch.len() == BATCH {
                    let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                    // Whoever visits them waits for all of them.
                    let _ = sender.send(full);
                }
            }
        }
        let _ = sender.send(batch);
        Ok(part)
    }

    /// Saves the rows that entries up to `seq` changed (none: deleted), the audit rows up to
    /// `audited`, and that they are reflected now, in one step. Durable with a later commit of the
    /// log; before that a restart applies the entries again.
    pub fn save(
        &self,
        seq: Seq,
        rows: &BTreeMap<Key, Option<Row>>,
        audited: AuditNo,
    ) -> Result<(), StoreError> {
        let (mut image, mut seen) = (self.image.lock(), self.seen.lock());
        let end = self.trail.store(audited)?;
        let mut next = Image { applied: seq, trail: end, ..*image };
        let mut batch = sled::Batch::default();
        let newest = rows.keys().rev().take_while(|key| matches!(key, Key::Seen(_)));
        let newest: Vec<_> = newest.cloned().collect();
        let former = if newest.is_empty() { &[][..] } else { &seen[..] };
        for (key, row) in rows.iter().chain(former.iter().map(|key| (key, &None))) {
            let key = key.bytes();
            if let Some(old) = self.rows.get(&key).map_err(StoreError::sled)? {
                next.remove(&key, &old);
            }
            match row.as_ref().map(Row::value) {
                Some(value) if value.len() > Row::VALUE_MAX => {
                    let why = format!("a row of {} bytes", value.len());
                    return Err(StoreError::Io(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                Some(value) => {
                    next.add(&key, &value);
                    batch.insert(key, value);
                }
                None => batch.remove(key),
            }
        }
        batch.insert(IMAGE, next.write());
        self.rows.apply_batch(batch).map_err(StoreError::sled)?;
        self.trail.ends(end);
        if !newest.is_empty() {
            *seen = newest;
        }
        *image = next;
        Ok(())
    }

    /// Forgets the rows, so that the log can make them again: in trees of their own. Damaged ones
    /// may hold rows that are found by their keys only, and that the next start would not find.
    pub fn clear_rows(&mut self) -> Result<(), StoreError> {
        let next = generation(&self.db) + 1;
        self.rows = self.db.open_tree(named("rows", next)).map_err(StoreError::sled)?;
        let trail = self.db.open_tree(named("audit", next)).map_err(StoreError::sled)?;
        self.trail = Arc::new(Trail::on_disk(trail, End::default()));
        *self.image.lock() = Image::default();
        self.has_sum = true;
        Ok(())
    }

    /// Writes everything out: at the end.
    pub fn flush(&self) {
        if let Err(error) = self.db.flush() {
            tracing::warn!(%error, "the last flush failed; the log has everything");
        }
    }
}

/// Rows and trail have been made again so often.
fn generation(db: &sled::Db) -> u64 {
    let names = db.tree_names();
    let names = names.iter().filter_map(|name| std::str::from_utf8(name).ok());
    names.filter_map(|name| name.strip_prefix("rows-")?.parse().ok()).max().unwrap_or(0)
}

/// The name of a tree in a generation; the first has none.
fn named(tree: &str, generation: u64) -> String {
    if generation == 0 { tree.to_owned() } else { format!("{tree}-{generation}") }
}

/// Opens sled on a thread, so that neither a panic nor a hang of it takes the process along. None:
/// it hangs, and holds the lock of its file.
fn open_sled(dir: &Path, cache_mb: u64) -> Option<Result<sled::Db, StoreError>> {
    let config = sled::Config::default()
        .path(dir.join("sled"))
        .cache_capacity((cache_mb << 20) / CACHE_GROWTH)
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

/// sled writes its settings in two steps, before it makes its file, and takes half of them for
/// damage: those that a first start left behind are forgotten.
fn forget_unfinished(dir: &Path) -> io::Result<()> {
    let (settings, file) = (dir.join("sled").join("conf"), dir.join("sled").join("db"));
    match settings.exists() && !file.exists() {
        true => std::fs::remove_file(settings),
        false => Ok(()),
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
