//! Signals to processes that a test started.
#![expect(clippy::disallowed_methods, reason = "the harness measures the time of another process")]

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Sends a signal, such as `-HUP`.
pub fn send(process: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.id().to_string()]).status();
    assert!(sent.expect("running kill failed").success(), "the process is not running");
}

/// Pauses the process and waits until all its threads have stopped. A thread in a system call
/// completes the call first.
pub fn pause(process: &Child) {
    send(process, "-STOP");
    let tasks = format!("/proc/{}/task", process.id());
    let stopped = || {
        let threads = std::fs::read_dir(&tasks).expect("the process is not running");
        threads.flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    };
    let since = Instant::now();
    while !stopped() {
        assert!(since.elapsed() < Duration::from_secs(30), "the process did not stop within 30 s");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets a paused process continue.
pub fn resume(process: &Child) {
    send(process, "-CONT");
}
