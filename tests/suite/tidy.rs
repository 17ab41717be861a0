//! Tidiness: layers, purity, sizes, the table against the folder. Each failure says what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every module of the crate and the modules that it may import.
const LAYERS: &[(&str, &[&str])] = &[
    ("exit", &[]),
    ("realm", &[]),
    ("settings", &["realm", "outside"]),
    ("outside", &[]),
    ("store", &["log", "realm"]),
    ("log", &["realm", "store", "outside"]),
    ("feed", &["log", "realm"]),
    ("presence", &["feed", "realm"]),
    ("replica", &["feed", "log", "store", "outside", "presence", "realm", "exit"]),
    ("opening", &["replica", "log", "store", "node", "settings", "outside", "realm"]),
    ("services", &["feed", "realm", "settings"]),
    ("throttle", &["outside", "realm", "settings"]),
    ("watch", &["presence", "realm"]),
    ("connections", &["feed", "outside"]),
    (
        "node",
        &[
            "connections",
            "services",
            "throttle",
            "watch",
            "replica",
            "outside",
            "realm",
            "settings",
        ],
    ),
    ("call", &["node", "replica", "feed", "presence", "outside", "realm", "messages"]),
    ("refusal", &["node", "realm", "settings"]),
    ("details", &[]),
    ("dry_run", &["call", "refusal", "realm"]),
    ("login", &["call", "refusal", "outside", "realm", "settings"]),
    ("profile_event", &["call", "dry_run", "refusal", "realm"]),
    (
        "messages",
        &[
            "call",
            "details",
            "dry_run",
            "login",
            "profile_event",
            "refusal",
            "node",
            "presence",
            "feed",
            "log",
            "outside",
            "realm",
        ],
    ),
    ("counts", &["messages"]),
    ("router", &["messages", "call", "counts", "node", "presence", "outside", "realm", "settings"]),
    ("link", &["realm"]),
    (
        "net",
        &[
            "router",
            "link",
            "call",
            "connections",
            "counts",
            "feed",
            "node",
            "outside",
            "presence",
            "realm",
            "settings",
        ],
    ),
    ("upkeep", &["node", "feed", "realm", "services", "settings", "watch", "presence"]),
    (
        "cli",
        &[
            "net", "router", "upkeep", "opening", "node", "counts", "outside", "realm", "settings",
            "store", "exit",
        ],
    ),
];

/// Crates that belong to one place.
const HOMES: &[(&str, &[&str])] = &[
    ("hyper", &["net"]),
    ("tokio_tungstenite", &["net", "cli/say.rs"]),
    ("sled::", &["store.rs", "log/sled"]),
    ("scrypt::", &["outside/passwords"]),
    ("rand::", &["outside", "cli/populate.rs"]),
    ("SystemTime::now", &["outside/clock.rs"]),
    ("Instant::now", &["outside/clock.rs"]),
];

/// Words that a pure file does not have, outside its comments.
const IMPURE: &[&str] = &[
    "tokio",
    "tracing",
    "async ",
    "HashMap",
    "SystemTime",
    "Instant",
    "std::fs",
    "std::net",
    "rand::",
];

const FILE_MAX: usize = 400;
const FUNCTION_MAX: usize = 50;
const LINE_MAX: usize = 100;

struct File {
    path: String,
    /// Lines of code: without tests.
    code: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<File> {
    let base = root().join(below);
    let mut found = Vec::new();
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(read(&base, &path));
            }
        }
    }
    assert!(found.len() > 3, "{below} has sources");
    found
}

fn read(base: &Path, path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(str::to_owned);
    let code = lines.take_while(|line| line != "#[cfg(test)]").collect();
    File { path: path.strip_prefix(base).unwrap().to_string_lossy().into_owned(), code }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn tell(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn modules_import_only_what_their_layer_allows() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        LAYERS.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for file in sources("src") {
        let module = file.path.split(['/', '.']).next().unwrap().to_owned();
        if module == "main" || module == "lib" {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else {
            wrong.push(format!("src/{}: give {module} its place in LAYERS of tidy.rs", file.path));
            continue;
        };
        for line in file.code.iter().filter(|line| !is_comment(line)) {
            for used in line.split("crate::").skip(1) {
                let used: String =
                    used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !used.is_empty() && used != module && !allowed.contains(used.as_str()) {
                    wrong.push(format!("src/{}: {module} may not use {used}", file.path));
                }
            }
        }
    }
    wrong.dedup();
    tell(wrong);
}

#[test]
fn the_realm_and_the_link_are_pure() {
    let pure = |path: &str| path.starts_with("realm") || path == "link.rs";
    let mut wrong = Vec::new();
    for file in sources("src").iter().filter(|file| pure(&file.path)) {
        for (at, line) in file.code.iter().enumerate().filter(|(_, line)| !is_comment(line)) {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("src/{}:{}: {word} belongs outside", file.path, at + 1));
            }
        }
    }
    tell(wrong);
}

#[test]
fn crates_stay_in_their_homes() {
    let mut wrong = Vec::new();
    for file in sources("src") {
        for (word, homes) in
            HOMES.iter().filter(|(_, homes)| !homes.iter().any(|home| file.path.starts_with(home)))
        {
            let uses = |line: &&String| {
                !is_comment(line) && line.contains(word) && !line.contains("StoreError::sled")
            };
            if file.code.iter().any(|line| uses(&line)) {
                wrong.push(format!("src/{}: {word} belongs in {homes:?}", file.path));
            }
        }
    }
    tell(wrong);
}

#[test]
fn files_lines_and_functions_are_short() {
    let mut wrong = Vec::new();
    for below in ["src", "protocol/src", "tests/suite"] {
        for file in sources(below) {
            let place = format!("{below}/{}", file.path);
            // Tests may be longer than what they test.
            if file.code.len() > FILE_MAX && below != "tests/suite" {
                wrong.push(format!(
                    "{place} has {} lines: does it hold two things?",
                    file.code.len()
                ));
            }
            if !file.code.first().is_some_and(|line| line.starts_with("//!")) {
                wrong.push(format!("{place} begins with no sentence that says what it is for"));
            }
            for (at, line) in file.code.iter().enumerate() {
                if line.chars().count() > LINE_MAX {
                    wrong.push(format!("{place}:{} is longer than {LINE_MAX}", at + 1));
                }
            }
            wrong.extend(long_functions(&file).into_iter().map(|it| format!("{place}:{it}")));
        }
    }
    tell(wrong);
}

/// Functions that do not fit on a screen; rustfmt puts their end in the column of their beginning.
fn long_functions(file: &File) -> Vec<String> {
    let mut open: Option<(usize, usize)> = None;
    let mut long = Vec::new();
    for (at, line) in file.code.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim_start();
        let begins =
            ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "async fn ", "pub async fn "];
        if open.is_none() && begins.iter().any(|it| words.starts_with(it)) {
            open = Some((at, indent));
        }
        let signature = open
            .is_some_and(|(start, _)| !file.code[start..=at].iter().any(|line| line.contains('{')));
        if signature && words.ends_with(';') {
            open = None;
        }
        if let Some((start, column)) = open
            && (words == "}" && indent == column || words.ends_with('}') && start == at)
        {
            if at - start > FUNCTION_MAX {
                long.push(format!("{}: this function has {} lines", start + 1, at - start));
            }
            open = None;
        }
    }
    long
}

#[test]
fn every_message_file_is_a_row_and_every_row_a_file() {
    let table: BTreeSet<String> =
        tollgate::messages::TABLE.iter().map(|row| row.name.to_lowercase()).collect();
    let files: BTreeSet<String> = std::fs::read_dir(root().join("src/messages"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let without_row: Vec<_> = files.difference(&table).collect();
    let without_file: Vec<_> = table.difference(&files).collect();
    assert!(without_row.is_empty(), "add Handler::of::<…> to TABLE for {without_row:?}");
    assert!(without_file.is_empty(), "write src/messages/<name>.rs for {without_file:?}");
}

#[test]
fn nothing_unfinished_or_local_is_left() {
    let banned = [["to", "do!"].concat(), ["FIX", "ME"].concat(), ["db", "g!("].concat()];
    let mut wrong = Vec::new();
    for below in ["src", "protocol/src", "tests/suite"] {
        for file in sources(below) {
            for (at, line) in file.code.iter().enumerate() {
                for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                    wrong.push(format!("{below}/{}:{}: {word}", file.path, at + 1));
                }
            }
        }
    }
    for name in ["utils", "common", "types", "models", "helpers", "helper", "misc"] {
        for below in ["src", "protocol/src"] {
            let there = sources(below)
                .into_iter()
                .any(|it| it.path.split(['/', '.']).any(|part| part == name));
            if there {
                wrong.push(format!("{below}: no module is called {name}"));
            }
        }
    }
    tell(wrong);
}
