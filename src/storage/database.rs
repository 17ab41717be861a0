//! Opening of the embedded database.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::error::{StoreError, is_locked};
use crate::platform::stopwatch;

/// Returns the generation: how many times the rows and the audit trail were rebuilt from the log.
pub(super) fn generation(db: &sled::Db) -> u64 {
    let names = db.tree_names();
    let names = names.iter().filter_map(|name| std::str::from_utf8(name).ok());
    names.filter_map(|name| name.strip_prefix("rows-")?.parse().ok()).max().unwrap_or(0)
}

/// Returns the name of a tree in a generation. Generation 0 has no suffix.
pub(super) fn tree_name(tree: &str, generation: u64) -> String {
    if generation == 0 { tree.to_owned() } else { format!("{tree}-{generation}") }
}

/// Opens sled on a thread of its own, so that neither a panic nor a hang of sled stops the caller.
/// `None` if sled hangs; then the thread of sled keeps the lock of the database.
///
/// sled panics on some damaged files. While sled opens, a panic hook that prints nothing replaces
/// the hook of the whole process. A panic of another thread at that time still ends that thread,
/// but leaves no message. Stores are opened at start, before the gateway serves.
pub(super) fn open_sled(dir: &Path, cache_mb: u64) -> Option<Result<sled::Db, StoreError>> {
    let config = sled::Config::default()
        .path(dir.join("sled"))
        .cache_capacity((cache_mb << 20) / CACHE_GROWTH)
        .flush_every_ms(None);
    let (sender, receiver) = mpsc::channel();
    let open = move || {
        let opened = std::panic::catch_unwind(AssertUnwindSafe(|| open_when_unlocked(&config)));
        // A send error means that the wait has timed out; the result is not needed then.
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

/// Opens the database, and waits up to [`LOCK_TIMEOUT_SECS`] for its lock. A lock outlasts its
/// holder for a moment: the kernel releases the lock of an ended process only after closing the
/// files of the process. Within one process, sled keeps the lock until the last thread of sled has
/// ended.
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

/// Removes the file with sled's settings if a first start was interrupted before sled created its
/// data file. sled writes the settings in two steps and reports a half-written settings file as
/// damage.
pub(super) fn forget_unfinished(dir: &Path) -> io::Result<()> {
    let (settings, file) = (dir.join("sled").join("conf"), dir.join("sled").join("db"));
    if settings.exists() && !file.exists() { std::fs::remove_file(settings) } else { Ok(()) }
}

/// Moves the snapshots of sled out of its folder, and returns whether any were found.
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

/// The longest wait for a lock that is held, in seconds.
const LOCK_TIMEOUT_SECS: f64 = 1.0;
/// The pause between two attempts to acquire the lock.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// How long a database may take to open before it counts as damaged, not slow. The same time is
/// added for each [`OPEN_BYTES`] of the database file.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(4);

/// How many bytes of the database file add one more [`OPEN_TIMEOUT`] to the time for opening.
pub(super) const OPEN_BYTES: u64 = 64 << 20;

/// How many times larger a cached page is in memory than on the disk. sled counts the size on the
/// disk but also keeps the changes of the page in memory.
pub(super) const CACHE_GROWTH: u64 = 10;
