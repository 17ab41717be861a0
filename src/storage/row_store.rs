//! The row store: the rows of the realm.
//!
//! The rows are written together with the number of the last log entry that they reflect. Both are
//! loaded at start.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, mpsc};

use parking_lot::Mutex;

use super::audit_trail::{AuditNo, AuditTrail};
use super::checksum::{CHECKSUM_KEY, RowsChecksum};
use super::database::{forget_unfinished, generation, open_sled, quarantine_snapshots, tree_name};
use super::disk_space::DiskSpace;
use super::error::StoreError;
use super::format::{self, StoreState};
use super::hash_chain::{ChainEnd, Seq};
use crate::realm::{Key, Row};

/// The most threads that load rows at start.
const READERS_MAX: usize = 4;
/// The number of rows that a loading thread passes on at once.
const BATCH: usize = 512;
/// The most batches that wait to be visited.
const BATCHES_MAX: usize = 16;

/// An open store.
pub struct RowStore {
    db: sled::Db,
    rows: sled::Tree,
    dir: std::path::PathBuf,
    disk_space: DiskSpace,
    checksum: Mutex<RowsChecksum>,
    /// False if the store has rows, but their checksum is missing or cannot be read.
    has_checksum: bool,
    state_at_open: StoreState,
    audit_trail: Arc<AuditTrail>,
    /// The keys of the stored ids of applied entries. The next save with newer ids deletes them.
    seen: Mutex<Vec<Key>>,
}

impl RowStore {
    /// Opens the store in `dir`, or creates one. `cache_mb` limits the memory of the database
    /// cache, and `reserve_mb` is the disk space that is kept free, both in megabytes.
    pub fn open(dir: &Path, cache_mb: u64, reserve_mb: u64) -> Result<Self, StoreError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(StoreError::Io)?;
        let state_at_open = format::check(dir)?;
        if state_at_open == StoreState::Missing {
            forget_unfinished(dir).map_err(StoreError::Io)?;
        }
        let timed_out = || StoreError::Damaged("the database did not open in time".to_owned());
        let db = match open_sled(dir, cache_mb).ok_or_else(timed_out)? {
            Err(StoreError::Damaged(why)) => {
                // sled does not open with a damaged snapshot, but it can open without one.
                if !quarantine_snapshots(dir).map_err(StoreError::Io)? {
                    return Err(StoreError::Damaged(why));
                }
                open_sled(dir, cache_mb).ok_or_else(timed_out)??
            }
            db => db?,
        };
        let generation = generation(&db);
        let rows = db.open_tree(tree_name("rows", generation))?;
        let log = db.open_tree("log")?;
        if state_at_open == StoreState::Missing && !(rows.is_empty() && log.is_empty()) {
            return Err(StoreError::Damaged("the format file is missing".to_owned()));
        }
        // Rows without a checksum are not trusted: `load` fails, and the log can rebuild them.
        let checksum = rows.get(CHECKSUM_KEY)?;
        let stored = checksum
            .map_or(rows.is_empty().then(RowsChecksum::default), |it| RowsChecksum::read(&it));
        let checksum = stored.unwrap_or_default();
        let audit_trail = db.open_tree(tree_name("audit", generation))?;
        let audit_trail = Arc::new(AuditTrail::on_disk(audit_trail, checksum.audit_end));
        let (checksum, has_checksum) = (Mutex::new(checksum), stored.is_some());
        let (dir, disk_space) = (dir.to_owned(), DiskSpace::new(dir, reserve_mb));
        Ok(Self {
            db,
            rows,
            dir,
            disk_space,
            checksum,
            has_checksum,
            state_at_open,
            audit_trail,
            seen: Mutex::default(),
        })
    }

    /// Whether a folder has any part of a store, complete or not.
    pub fn exists_in(dir: &Path) -> bool {
        ["format", "high-water", "sled"].iter().any(|part| dir.join(part).exists())
    }

    /// Whether the store did not exist before it was opened.
    pub fn is_new(&self) -> bool {
        self.state_at_open == StoreState::Missing
    }

    /// Returns the audit trail, which is in the same database.
    pub fn audit_trail(&self) -> &Arc<AuditTrail> {
        &self.audit_trail
    }

    /// Returns the database that the rows, the audit trail and the command log share.
    pub fn database(&self) -> &sled::Db {
        &self.db
    }

    /// Returns the data folder.
    pub fn directory(&self) -> &Path {
        &self.dir
    }

    /// Returns the disk space of the data folder.
    pub fn space(&self) -> &DiskSpace {
        &self.disk_space
    }

    /// Writes the format file, as the last step of creating or upgrading a store. A store without
    /// this file is incomplete. Earlier versions of tollgate cannot read an upgraded store.
    pub fn mark_complete(&self) -> Result<(), StoreError> {
        if self.state_at_open == StoreState::Current {
            return Ok(());
        }
        format::write(&self.dir).map_err(StoreError::Io)
    }

    /// Returns the last entry that the saved rows reflect.
    pub fn applied(&self) -> Seq {
        self.checksum.lock().applied
    }

    /// Visits all rows, in any order, and checks that none is missing or altered. Then checks the
    /// end of the audit trail.
    pub fn load(&self, mut visit: impl FnMut(Row)) -> Result<(), StoreError> {
        if !self.has_checksum {
            return Err(StoreError::Damaged("the rows have no valid checksum".to_owned()));
        }
        let mut found = RowsChecksum { applied: self.applied(), ..RowsChecksum::default() };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // One thread reads all rows of a kind: all keys with the same first byte. The kinds are
        // started in descending order, because those with the most rows are among the highest.
        let kinds = Mutex::new((1..=u8::MAX).rev());
        let (sender, batches) = mpsc::sync_channel(BATCHES_MAX);
        std::thread::scope(|scope| {
            let read = |_| {
                let (kinds, sender) = (&kinds, sender.clone());
                scope.spawn(move || self.read_kinds(|| kinds.lock().next(), sender))
            };
            let threads: Vec<_> = (0..threads.min(READERS_MAX)).map(read).collect();
            drop(sender);
            batches.into_iter().flatten().for_each(|row| {
                if let Row::Seen(id, _) = &row {
                    self.seen.lock().push(Key::Seen(*id));
                }
                visit(row);
            });
            for thread in threads {
                let unreadable = |_| StoreError::Damaged("the rows cannot be read".to_owned());
                found.merge(thread.join().map_err(unreadable)??);
            }
            Ok::<(), StoreError>(())
        })?;
        found.audit_end = self.checksum.lock().audit_end;
        if found == *self.checksum.lock() {
            self.audit_trail.verify_end()
        } else {
            Err(StoreError::Damaged("rows are missing or altered".to_owned()))
        }
    }

    /// Reads the rows of each kind that `next` returns, and returns the checksum of these rows.
    fn read_kinds(
        &self,
        next: impl Fn() -> Option<u8>,
        sender: mpsc::SyncSender<Vec<Row>>,
    ) -> Result<RowsChecksum, StoreError> {
        let (mut part, mut batch) = (RowsChecksum::default(), Vec::with_capacity(BATCH));
        while let Some(kind) = next() {
            for row in self.rows.scan_prefix([kind]) {
                let (key, value) = row?;
                part.add(&key, &value);
                batch.push(Row::read(&key, &value).map_err(StoreError::Damaged)?);
                if batch.len() == BATCH {
                    let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                    // Sending cannot fail: the visitor receives until all senders are dropped.
                    let _ = sender.send(full);
                }
            }
        }
        let _ = sender.send(batch);
        Ok(part)
    }

    /// Saves the rows that entries up to `seq` changed (`None`: deleted), the audit rows up to
    /// `audited`, and `seq` as the last entry that the rows reflect.
    ///
    /// The audit rows are written first, in batches of their own. The rows, `seq` and the end of
    /// the audit trail are one batch, so either all of them are saved or none. They become durable
    /// with a later commit of the log; if power is cut before that, a restart applies the entries
    /// again.
    ///
    /// Lock order: `checksum`, `seen`, then the locks of the audit trail.
    pub fn save(
        &self,
        seq: Seq,
        rows: &BTreeMap<Key, Option<Row>>,
        audited: AuditNo,
    ) -> Result<(), StoreError> {
        let (mut checksum, mut seen) = (self.checksum.lock(), self.seen.lock());
        let end = self.audit_trail.save(audited)?;
        let mut next = RowsChecksum { applied: seq, audit_end: end, ..*checksum };
        let mut batch = sled::Batch::default();
        let newest = rows.keys().rev().take_while(|key| matches!(key, Key::Seen(_)));
        let newest: Vec<_> = newest.cloned().collect();
        let superseded = if newest.is_empty() { &[][..] } else { &seen[..] };
        for (key, row) in rows.iter().chain(superseded.iter().map(|key| (key, &None))) {
            let key = key.bytes();
            if let Some(old) = self.rows.get(&key)? {
                next.remove(&key, &old);
            }
            match row.as_ref().map(Row::value) {
                Some(value) if value.len() > Row::VALUE_MAX => {
                    let why = format!("a row of {} bytes is too long", value.len());
                    return Err(StoreError::Io(io::Error::new(io::ErrorKind::InvalidData, why)));
                }
                Some(value) => {
                    next.add(&key, &value);
                    batch.insert(key, value);
                }
                None => batch.remove(key),
            }
        }
        batch.insert(CHECKSUM_KEY, next.write());
        self.rows.apply_batch(batch)?;
        self.audit_trail.confirm_saved(end);
        if !newest.is_empty() {
            *seen = newest;
        }
        *checksum = next;
        Ok(())
    }

    /// Abandons the rows and the audit trail, so that the log can rebuild them in new trees. The
    /// damaged trees are not reused: a lookup may find keys in them that a scan does not find. The
    /// next start scans, so it would miss a row that was saved under such a key.
    pub fn reset_rows(&mut self) -> Result<(), StoreError> {
        let next = generation(&self.db) + 1;
        self.rows = self.db.open_tree(tree_name("rows", next))?;
        let audit_trail = self.db.open_tree(tree_name("audit", next))?;
        self.audit_trail = Arc::new(AuditTrail::on_disk(audit_trail, ChainEnd::default()));
        *self.checksum.lock() = RowsChecksum::default();
        self.has_checksum = true;
        Ok(())
    }

    /// Flushes the database at shutdown. A failure is only logged.
    pub fn flush(&self) {
        if let Err(error) = self.db.flush() {
            tracing::warn!(
                %error,
                "flushing the rows at shutdown failed; the command log has all changes"
            );
        }
    }
}
