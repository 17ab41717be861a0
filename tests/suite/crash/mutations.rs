//! Damaged stores: each opens with everything, or the start says no, in words and in time.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::ledger;
use crate::gateway::{Client, Home, PASSWORD};

const MUTATIONS: usize = 60;
const COMMANDS: usize = 240;
const USERS: usize = 150;
/// A damaged store is told from a whole one in this time.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// The store is damaged, locked, or cannot be read.
const REFUSALS: [i32; 3] = [3, 4, 5];

#[derive(Debug, Clone, Copy)]
enum Mutation {
    Flip,
    Zero,
    Truncate,
    Delete,
}

#[tokio::test]
async fn mutated_stores_open_whole_or_say_no() {
    let home = Home::new(&super::unlimited());
    fill(&home).await;
    let whole = list(&home, &home.data());
    assert!(whole.status.success(), "{whole:?}");
    let files = files(&home.data());
    let (mut opened, mut slowest, mut wrong) = (0, Duration::ZERO, Vec::new());
    let mutations = asked_for().unwrap_or(MUTATIONS);
    for number in 0..mutations {
        let copy = home.path().join("copy");
        ledger::run(Command::new("cp").args(["-r", "--sparse=always"]).args([&home.data(), &copy]));
        let what = mutate(&copy, &files, number);
        // What a first start left behind must not mislead a second one.
        for time in ["first", "second"] {
            let since = Instant::now();
            let output = list(&home, &copy);
            let took = since.elapsed();
            slowest = slowest.max(took);
            let found = fault(&output, &whole.stdout, took);
            opened += usize::from(found.is_none() && output.status.success());
            wrong.extend(found.map(|fault| format!("{number} {what}, {time} start: {fault}")));
        }
        std::fs::remove_dir_all(&copy).expect("the copy goes");
    }
    let starts = mutations * 2;
    println!("{opened} of {starts} starts opened the whole store, the slowest took {slowest:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// How many mutations `TOLLGATE_MUTATIONS` asks for.
fn asked_for() -> Option<usize> {
    std::env::var("TOLLGATE_MUTATIONS").ok()?.parse().ok()
}

/// Users, then commands that each show in the list of users.
async fn fill(home: &Home) {
    ledger::populate(home, USERS, 20);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for number in 0..COMMANDS / 2 {
        let name = format!("MUTATED_{number}");
        assert!(ledger::insert(&mut admin, "RIGHT", &name, json!({"CODE": name})).await);
        let users = [format!("u{}", number % USERS), format!("u{}", number * 7 % USERS)];
        let details = json!({"NAME": name, "RIGHT_CODES": [name], "USER_NAMES": users});
        assert!(ledger::insert(&mut admin, "PROFILE", &name, details).await);
    }
    assert_eq!(gateway.signal("-TERM").0, Some(0));
}

/// Lists the users of a store; ends the program when it takes too long.
fn list(home: &Home, data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["user", "list", "--data-dir"]).arg(data);
    command.arg("--config").arg(home.path().join("tollgate.toml"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let since = Instant::now();
    while child.try_wait().expect("its state").is_none() {
        if since.elapsed() > ANSWER_MAX * 2 {
            child.kill().expect("it is ours");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

/// What is wrong with an answer.
fn fault(output: &Output, whole: &[u8], took: Duration) -> Option<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let refused = output.status.code().is_some_and(|code| REFUSALS.contains(&code));
    if took > ANSWER_MAX {
        Some(format!("it took {took:?}: {said}"))
    } else if said.contains("panicked") {
        Some(format!("it panicked: {said}"))
    } else if output.status.success() {
        (output.stdout != whole).then(|| "users or profiles are silently lost".to_owned())
    } else if !refused {
        Some(format!("{}: {said}", output.status))
    } else {
        let clear = said.starts_with("tollgate:") && said.trim_end().lines().count() == 1;
        (!clear).then(|| format!("no clear message: {said}"))
    }
}

/// All files of a store, by their names.
fn files(data: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![data.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(path.strip_prefix(data).expect("inside").to_owned()),
            }
        }
    }
    found.sort();
    found
}

/// Damages one file: every second time the data itself, else each file in each way in turn.
fn mutate(copy: &Path, files: &[PathBuf], number: usize) -> String {
    let all = [Mutation::Flip, Mutation::Zero, Mutation::Truncate, Mutation::Delete];
    let mut dice = StdRng::seed_from_u64(number as u64);
    let turn = number / 2;
    let (name, mutation) = match number % 2 {
        // A deleted data file is always the same; the other ways differ in their place.
        0 => (Path::new("sled/db"), all[turn % 3]),
        _ => (files[turn % files.len()].as_path(), all[turn / files.len() % 4]),
    };
    let path = copy.join(name);
    let length = std::fs::metadata(&path).expect("a file").len();
    let at = dice.random_range(0..length.max(1));
    let file = || OpenOptions::new().read(true).write(true).open(&path).expect("a file");
    match mutation {
        Mutation::Delete => std::fs::remove_file(&path).expect("it goes"),
        Mutation::Truncate => file().set_len(at).expect("it shrinks"),
        Mutation::Zero => {
            let zeros = vec![0; (length - at).min(4096) as usize];
            file().write_all_at(&zeros, at).expect("it is written");
        }
        Mutation::Flip => {
            let mut byte = [0];
            file().read_exact_at(&mut byte, at).expect("a byte");
            byte[0] ^= 1 << dice.random_range(0..8);
            file().write_all_at(&byte, at).expect("it is written");
        }
    }
    format!("{mutation:?} of {} at {at} of {length}", name.display())
}
