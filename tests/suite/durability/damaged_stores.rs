//! Tests of damaged stores: opened completely or refused with a reason, in bounded time.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::harness::gateway::{self, unlimited};
use crate::harness::{Client, Home, PASSWORD, clients};

const MUTATIONS: usize = 60;
/// The number of mutations of `tests/run --long`.
const MUTATIONS_LONG: usize = 2_000;
const COMMANDS: usize = 240;
const USERS: usize = 150;
/// The time limit for a start with a damaged store.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The exit code for a damaged store.
const DAMAGED: i32 = 3;
/// The exit code and text for a store of another version. A store with a damaged format file may
/// cause them, too.
const FOREIGN: (i32, &str) = (5, "the store has format");

#[derive(Debug, Clone, Copy)]
enum Mutation {
    Flip,
    Zero,
    Truncate,
    Delete,
}

/// A start of the program with a store: the program has exited, or it listens.
struct Start {
    child: Child,
    code: Option<i32>,
    printed: String,
    stderr: String,
    took: Duration,
}

/// All data that can be read from a store.
#[derive(PartialEq)]
struct Whole {
    listed: String,
    shown: Vec<String>,
}

#[tokio::test]
async fn damaged_stores_open_completely_or_are_refused() {
    let home = Home::new(&unlimited());
    fill(&home).await;
    let files = files(&home.data());
    // Each mutation starts from a new copy, without the changes of an earlier start.
    let copy = home.path().join("copy");
    let renew = || {
        let _ = std::fs::remove_dir_all(&copy);
        let mut command = Command::new("cp");
        gateway::run(command.args(["-r", "--sparse=always"]).args([&home.data(), &copy]));
    };
    renew();
    let whole = Whole {
        shown: look(&home, &copy)
            .await
            .0
            .expect("the store does not open")
            .expect("the store is refused"),
        listed: list(&home, &copy)
            .0
            .expect("the store does not open")
            .expect("the store is refused"),
    };
    let (mut opened, mut slowest, mut wrong) = (0, Duration::ZERO, Vec::new());
    let is_long = std::env::var_os("LONG_TESTS").is_some();
    let mutations = if is_long { MUTATIONS_LONG } else { MUTATIONS };
    for number in 0..mutations {
        renew();
        let what = mutate(&copy, &files, number);
        let (shown, first) = look(&home, &copy).await;
        // The second start uses the store as the first start left it.
        let (listed, second) = list(&home, &copy);
        let same = [
            shown.map(|shown| shown.map(|shown| shown == whole.shown)),
            listed.map(|listed| listed.map(|listed| listed == whole.listed)),
        ];
        for (time, same) in ["first", "second"].into_iter().zip(same) {
            opened += usize::from(matches!(same, Ok(Some(true))));
            let fault = match same {
                Ok(Some(false)) => "data was lost without an error".to_owned(),
                Ok(_) => continue,
                Err(fault) => fault,
            };
            wrong.push(format!("{number} {what}, {time} start: {fault}"));
        }
        slowest = slowest.max(first).max(second);
    }
    let starts = mutations * 2;
    println!("{opened} of {starts} starts opened the complete store, the slowest took {slowest:?}");
    assert!(wrong.is_empty(), "{} starts failed:\n{}", wrong.len(), wrong.join("\n"));
}

/// Creates users, then rights and profiles, each of which is visible in the data that is read
/// later.
async fn fill(home: &Home) {
    gateway::populate(home, USERS, 20);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for number in 0..COMMANDS / 2 {
        let name = format!("MUTATED_{number}");
        assert!(clients::insert(&mut admin, "RIGHT", &name, json!({"CODE": name})).await);
        let users = [format!("u{}", number % USERS), format!("u{}", number * 7 % USERS)];
        let status = ["ENABLED", "DISABLED"][usize::from(number % 10 == 9)];
        let details = json!({"NAME": name, "DESCRIPTION": format!("number {number}"),
            "STATUS": status, "RIGHT_CODES": [name], "USER_NAMES": users});
        assert!(clients::insert(&mut admin, "PROFILE", &name, details).await);
    }
    assert_eq!(gateway.signal("-TERM").0, Some(0));
}

/// Lists the users of a store, each with status and profiles; `None` if the store is refused. Also
/// returns the duration of the start.
fn list(home: &Home, data: &Path) -> (Result<Option<String>, String>, Duration) {
    let mut start = Start::of(home, data, &["user", "list"]);
    let answer = start.fault().map_or(Ok(()), Err);
    let printed = std::mem::take(&mut start.printed);
    (answer.map(|()| (start.code == Some(0)).then_some(printed)), start.took)
}

/// Starts a gateway and reads the data as the administrator; `None` if the store is refused. Also
/// returns the duration of the start.
async fn look(home: &Home, data: &Path) -> (Result<Option<Vec<String>>, String>, Duration) {
    let start = Start::of(home, data, &["serve", "--listen", "127.0.0.1:0"]);
    let answer = match (start.fault(), start.address()) {
        (Some(fault), _) => Err(fault),
        (None, None) => Ok(None),
        // The data is read in a task, so that a panic becomes one of the reported faults.
        (None, Some(address)) => {
            tokio::spawn(read(address)).await.map(Some).map_err(|error| error.to_string())
        }
    };
    (answer, start.took)
}

async fn read(address: SocketAddr) -> Vec<String> {
    let mut admin = Client::login(address, "admin", PASSWORD).await;
    let details = json!({"MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": "details"});
    let details = admin.ask(details).await;
    let mut shown = vec![format!("{} {}", details["PERMISSION"], details["PROFILE"])];
    for source in ["USER_RIGHTS", "ALL_USERS", "ALL_PROFILES", "ALL_RIGHTS"] {
        for mut row in clients::rows(&mut admin, source).await {
            // The login of the reader changes these fields.
            for field in ["ONLINE", "LAST_LOGIN", "RECORD_VERSION"] {
                if source == "ALL_USERS" {
                    row[field] = Value::Null;
                }
            }
            shown.push(format!("{source} {row}"));
        }
    }
    assert!(shown.len() > USERS + COMMANDS * 2, "only {} rows", shown.len());
    shown
}

impl Start {
    /// Waits until the program has exited or listens. Kills it if that takes too long.
    fn of(home: &Home, data: &Path, words: &[&str]) -> Self {
        let [printed, stderr] = ["printed", "said"].map(|name| home.path().join(name));
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(words).arg("--data-dir").arg(data);
        command.arg("--config").arg(home.path().join("tollgate.toml"));
        command.env("TOLLGATE_ADMIN_PASSWORD", PASSWORD).stdin(Stdio::null());
        command.stdout(File::create(&printed).expect("creating a file failed"));
        command.stderr(File::create(&stderr).expect("creating a file failed"));
        let text = |path: &Path| std::fs::read_to_string(path).expect("reading a file failed");
        let mut child = command.spawn().expect("starting the program failed");
        let since = Instant::now();
        let code = loop {
            if let Some(status) = child.try_wait().expect("waiting for the program failed") {
                break status.code();
            }
            if text(&stderr).contains("\"listening\"") {
                break None;
            }
            if since.elapsed() > ANSWER_MAX * 2 {
                child.kill().expect("killing the program failed");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = since.elapsed();
        Self { child, code, printed: text(&printed), stderr: text(&stderr), took }
    }

    /// The address on which the program listens; `None` if it does not.
    fn address(&self) -> Option<SocketAddr> {
        let line = self.stderr.lines().find(|line| line.contains("\"listening\""))?;
        let line: Value = serde_json::from_str(line).expect("a log line is not JSON");
        line["fields"]["address"].as_str()?.parse().ok()
    }

    /// Returns the fault of the start; `None` if it has no fault. Lost data is not a fault here.
    fn fault(&self) -> Option<String> {
        let Self { code, stderr, took, .. } = self;
        let foreign = *code == Some(FOREIGN.0) && stderr.contains(FOREIGN.1);
        // The lines that are not log lines.
        let words: Vec<_> = stderr.lines().filter(|line| !line.starts_with('{')).collect();
        if *took > ANSWER_MAX {
            Some(format!("the start took {took:?}: {stderr}"))
        } else if stderr.contains("panicked") {
            Some(format!("the program panicked: {stderr}"))
        } else if *code == Some(0) || self.address().is_some() {
            None
        } else if *code != Some(DAMAGED) && !foreign {
            Some(format!("the exit code was {code:?}: {stderr}"))
        } else {
            let clear = words.len() == 1 && words[0].starts_with("tollgate:");
            (!clear).then(|| format!("expected exactly one error on standard error: {stderr}"))
        }
    }
}

impl Drop for Start {
    /// Kills the program: the next start must find the store as this start left it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The relative paths of all files of a store, sorted.
fn files(data: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![data.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("reading a folder failed").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(
                    path.strip_prefix(data).expect("the file is not in the data folder").to_owned(),
                ),
            }
        }
    }
    found.sort();
    found
}

/// Damages one file and returns a description of the damage. Even numbers damage the database file;
/// odd numbers rotate through all files and kinds of damage.
fn mutate(copy: &Path, files: &[PathBuf], number: usize) -> String {
    let all = [Mutation::Flip, Mutation::Zero, Mutation::Truncate, Mutation::Delete];
    let mut rng = StdRng::seed_from_u64(number as u64);
    let turn = number / 2;
    let (name, mutation) = match number % 2 {
        // Deletion is left out: it is the same every time. Other damage has a random position.
        0 => (Path::new("sled/db"), all[turn % 3]),
        _ => (files[turn % files.len()].as_path(), all[turn / files.len() % 4]),
    };
    let path = copy.join(name);
    let length = std::fs::metadata(&path).expect("reading the metadata failed").len();
    let at = rng.random_range(0..length.max(1));
    let file =
        || OpenOptions::new().read(true).write(true).open(&path).expect("opening the file failed");
    match mutation {
        Mutation::Delete => std::fs::remove_file(&path).expect("deleting the file failed"),
        Mutation::Truncate => file().set_len(at).expect("truncating the file failed"),
        Mutation::Zero => {
            let zeros = vec![0; (length - at).min(4096) as usize];
            file().write_all_at(&zeros, at).expect("writing to the file failed");
        }
        Mutation::Flip => {
            let mut byte = [0];
            file().read_exact_at(&mut byte, at).expect("reading from the file failed");
            byte[0] ^= 1 << rng.random_range(0..8);
            file().write_all_at(&byte, at).expect("writing to the file failed");
        }
    }
    format!("{mutation:?} of {} at {at} of {length}", name.display())
}
