//! The tidy test: layers, purity, sizes, message files against the handler table.
//!
//! Each failure says what to do.

use std::collections::BTreeSet;

use super::layers::{HOMES, IMPURE, MODULES, PURE};
use super::source::{File, file, imports, indent, is_comment, is_function, sources};

const FILE_MAX: usize = 400;
const FUNCTION_MAX: usize = 50;
const LINE_MAX: usize = 100;

fn tell(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn modules_import_only_those_below_them() {
    let place = |module: &str| MODULES.iter().position(|it| *it == module);
    let mut wrong = Vec::new();
    for file in sources("src") {
        let module = file.path.split(['/', '.']).next().unwrap().to_owned();
        let Some(own) = place(&module) else { continue };
        for used in used(&file) {
            if place(&used).is_some_and(|used| used < own) {
                wrong.push(format!("src/{}: {module} may not use {used}", file.path));
            }
        }
    }
    wrong.dedup();
    tell(wrong);
}

/// The modules of the crate that a file names, in its imports or elsewhere.
fn used(file: &File) -> Vec<String> {
    let code = file.code.iter().filter(|line| !is_comment(line)).cloned();
    let lines = code.chain(imports(file).into_iter().map(|(_, path)| path));
    let used = |line: String| -> Vec<String> {
        let name = |it: &str| it.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        line.split("crate::").skip(1).map(name).filter(|it: &String| !it.is_empty()).collect()
    };
    lines.flat_map(used).collect()
}

#[test]
fn pure_files_have_no_clock_and_no_io() {
    let pure = |path: &str| {
        path.starts_with("realm")
            || PURE.contains(&path)
            || path.starts_with("messages/passwords/rules")
    };
    let mut wrong = Vec::new();
    for file in sources("src").iter().filter(|file| pure(&file.path)) {
        wrong.extend(impurities(file).into_iter().map(|it| format!("src/{}:{it}", file.path)));
    }
    tell(wrong);
}

fn impurities(file: &File) -> Vec<String> {
    let lines = (1..).zip(file.code.iter().cloned()).filter(|(_, line)| !is_comment(line));
    let mut found = Vec::new();
    for (at, line) in lines.chain(imports(file)) {
        let words = IMPURE.iter().filter(|word| line.contains(**word));
        found.extend(words.map(|word| format!("{at}: {word} belongs outside")));
    }
    found.dedup();
    found
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
            if file.length > FILE_MAX && below != "tests/suite" {
                wrong.push(format!("{place} has {} lines: does it hold two things?", file.length));
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
        let (indent, words) = (indent(line), line.trim_start());
        if open.is_none() && is_function(words) {
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
    let name = |path: &str| path.rsplit('/').next().unwrap().trim_end_matches(".rs").to_owned();
    let files: BTreeSet<String> = sources("src/messages")
        .into_iter()
        .map(|file| name(&file.path))
        .filter(|name| is_message(name))
        .collect();
    let without_row: Vec<_> = files.difference(&table).collect();
    let without_file: Vec<_> = table.difference(&files).collect();
    assert!(without_row.is_empty(), "add Handler::of::<…> to TABLE for {without_row:?}");
    assert!(without_file.is_empty(), "write src/messages/<subject>/<name>.rs for {without_file:?}");
}

/// Whether a file of `messages/` has the name of a message.
fn is_message(name: &str) -> bool {
    let begins = ["event_", "req_", "data_", "heartbeat_"];
    begins.iter().any(|it| name.starts_with(it))
        || name.ends_with("_request")
        || name == "more_rows"
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

#[test]
fn these_checks_see_what_hides() {
    let text = "\
//! A file.
use crate::{net, feed::{Feed, outbox::Outbox}};
#[cfg(test)]
use crate::upkeep;
pub(crate) use crate::{
    // Not crate::cli.
    node,
};
use std::{collections::BTreeMap, env, thread::{self, JoinHandle}};
impl X {
    #[cfg(test)]
    fn only_in_tests() {
        crate::opening::open();
    }
}
#[cfg(test)]
mod tests {
    use crate::opening;
}
fn late() {
    crate::services::late();
}";
    let sample = file("link.rs".to_owned(), text);
    assert_eq!((sample.code.len(), sample.length), (22, 12));
    let used: BTreeSet<_> = used(&sample).into_iter().collect();
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["feed", "net", "node", "services"]);
    let impure = ["9: std::env belongs outside", "9: std::thread belongs outside"];
    assert_eq!(impurities(&sample), impure);
    for begin in ["fn", "pub fn", "const fn", "pub const fn", "pub(super) async fn", "async fn"] {
        let long = format!("{begin} f() {{\n{}}}", "    x();\n".repeat(FUNCTION_MAX + 1));
        assert_eq!(long_functions(&file(String::new(), &long)).len(), 1, "{begin}");
    }
    assert!(!is_function("const LONG: fn() = f;") && !is_function("pub struct X {"));
}
