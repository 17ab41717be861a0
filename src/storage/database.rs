//! Opening of the embedded database.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::error::{StoreError, is_locked};
use crate::platform::stopwatch;

/// How many times the rows and the audit trail were made again.
pub(super) fn generation(db: &sled::Db) -> u64 {
    let names = db.tree_names();
    let names = names.iter().filter_map(|name| std::str::from_utf8(name).ok());
    names.filter_map(|name| name.strip_prefix("rows-")?.parse().ok()).max().unwrap_or(0)
}

/// The name of a tree in a generation; the first has none.
pub(super) fn tree_name(tree: &str, generation: u64) -> String {
    if generation == 0 { tree.to_owned() } else { format!("{tree}-{generation}") }
}

/// Opens sled on a thread of its own, so that neither a panic nor a hang of sled ends the process.
/// `None` if sled hangs; its thread then keeps the lock of the file.
///
/// sled panics on some damaged files. While it opens, the panic hook of the whole process is
/// replaced by one that prints nothing: a panic of another thread at that time ends that thread as
/// usual but leaves no message. Stores are opened at the start, before the gateway serves.
pub(super) fn open_sled(dir: &Path, cache_mb: u64) -> Option<Result<sled::Db, StoreError>> {
    let config = sled::Config::default()
        .path(dir.join("sled"))
        .cache_capacity((cache_mb << 20) / CACHE_GROWTH)
        .flush_every_ms(None);
    let (sender, receiver) = mpsc::channel();
    let open = move || {
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| open_when_unlocked(&config)));
        // The receiver is gone only after the wait, when the result is of no use.
        let _ = sender.send(opened);
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::spawn(open);
    let bytes = std::fs::metadata(dir.join("sled").join("db")).map_or(0, |file| file.len());
    let wait =
        OPEN_TIMEOUT.saturating_mul(u32::try_from(1 + bytes / OPEN_BYTES).unwrap_or(u32::MAX));
    let opened = receiver.recv_timeout(wait);
    std::panic::set_hook(hook);
    match opened {
        Ok(Ok(opened)) => Some(opened.map_err(StoreError::from)),
        Ok(Err(_)) => Some(Err(StoreError::Damaged("the database cannot be opened".to_owned()))),
        Err(_) => None,
    }
}

/// Opens the database; waits a moment for its lock. A process that ends keeps it until the kernel
/// has closed its files, and sled until the last of its threads is done.
fn open_when_unlocked(config: &sled::Config) -> sled::Result<sled::Db> {
    let watch = stopwatch();
    loop {
        match config.open() {
            Err(error) if is_locked(&error) && watch.elapsed_secs() < LOCK_TIMEOUT_SECS => {
                std::thread::sleep(LOCK_RETRY);
            }
            opened => return opened,
        }
    }
}

/// sled writes its settings in two steps, before it makes its file, and takes half of them for
/// damage: those that a first start left behind are forgotten.
pub(super) fn forget_unfinished(dir: &Path) -> io::Result<()> {
    let (settings, file) = (dir.join("sled").join("conf"), dir.join("sled").join("db"));
    if settings.exists() && !file.exists() { std::fs::remove_file(settings) } else { Ok(()) }
}

/// Renames sled's snapshots. False if there is none.
pub(super) fn quarantine_snapshots(dir: &Path) -> io::Result<bool> {
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

/// How long a lock that is held is waited for.
const LOCK_TIMEOUT_SECS: f64 = 1.0;
/// The pause between two attempts to take it.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// The time after which a store that does not open is a damaged one, not a slow one; as much again
/// for each [`OPEN_BYTES`].
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(4);

/// Bytes of the store for which opening may take one more [`OPEN_TIMEOUT`].
pub(super) const OPEN_BYTES: u64 = 64 << 20;

/// The size of a cached page in memory by its size on the disk, by which sled counts: its changes
/// are kept beside it.
pub(super) const CACHE_GROWTH: u64 = 10;
