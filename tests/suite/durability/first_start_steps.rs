//! Tests that kill a first start at each system call on its files.
//!
//! The next start must succeed.

use super::sync_order::traced;
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

/// The files of a store and the system calls that create them.
const STEPS: [(&str, &[&str]); 4] = [
    ("sled/conf", &["openat", "write"]),
    ("sled/db", &["openat", "flock", "pwrite64", "sync_file_range", "fdatasync"]),
    ("high-water", &["openat", "pwrite64", "fsync"]),
    ("format.new", &["openat", "write", "fsync", "rename"]),
];
/// For each file and each kind of call, one start is killed at the first call, the next start at
/// the second call, and so on, up to this number.
const CALLS_MAX: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_can_be_killed_at_every_step() {
    let mut killed = 0;
    for (file, calls) in STEPS {
        for call in calls {
            for number in 1..=CALLS_MAX {
                let home = Home::new(QUICK);
                if !is_killed_at(&home, file, call, number) {
                    assert!(number > 1, "{file}: the first start made no {call} call");
                    break;
                }
                killed += 1;
                let gateway = home.try_start();
                let gateway = gateway.unwrap_or_else(|| {
                    panic!("no start after a kill at {call} call {number} on {file}")
                });
                Client::login(gateway.address, "admin", PASSWORD).await;
            }
        }
    }
    println!("{killed} first starts were killed, each at a different step");
}

/// Starts a gateway that is killed at call `number` of `call` on a file of its store. Returns false
/// if the start was finished before it made that many calls.
fn is_killed_at(home: &Home, file: &str, call: &str, number: usize) -> bool {
    let serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let (file, trace) = (home.data().join(file), home.path().join("trace"));
    let file = file.to_str().expect("the path is not UTF-8");
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let options = ["-P", file, "-e", &format!("trace={call}"), "-e", &inject];
    let mut tracer = traced(&serve, &trace, &options);
    let gateway = GatewayProcess::spawn(&mut tracer);
    gateway.map(|gateway| gateway.signal("-KILL")).is_none()
}
