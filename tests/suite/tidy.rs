//! Tidiness: layers, purity, sizes, the table against the folder. Each failure says what to do.

mod layers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use layers::{HOMES, IMPURE, LAYERS};

const FILE_MAX: usize = 400;
const FUNCTION_MAX: usize = 50;
const LINE_MAX: usize = 100;

struct File {
    path: String,
    /// Lines of code; those of tests are empty.
    code: Vec<String>,
    /// How many are not of tests.
    length: usize,
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
    file(path.strip_prefix(base).unwrap().to_string_lossy().into_owned(), &text)
}

/// A file whose tests are taken out; what follows them is code again.
fn file(path: String, text: &str) -> File {
    let (mut code, mut length) = (Vec::new(), 0);
    let mut test: Option<usize> = None;
    for line in text.lines() {
        let (indent, words) = (indent(line), line.trim_start());
        if test.is_none() && words == "#[cfg(test)]" {
            test = Some(indent);
            code.push(String::new());
            continue;
        }
        let Some(column) = test else {
            code.push(line.to_owned());
            length += 1;
            continue;
        };
        code.push(String::new());
        // rustfmt puts the end of an item in the column of its beginning.
        let ends = words.ends_with(';') || words.ends_with('}');
        if indent == column && ends && !words.starts_with("#[") {
            test = None;
        }
    }
    File { path, code, length }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// What a file imports, with the number of the line: groups are written out, a path each.
fn imports(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in file.code.iter().enumerate().filter(|(_, line)| !is_comment(line)) {
        let words = line.trim();
        if open.is_none() {
            let tree = without_visibility(words).strip_prefix("use ");
            open = tree.map(|tree| (at + 1, tree.to_owned()));
        } else if let Some((_, tree)) = &mut open {
            tree.push_str(words);
        }
        if words.ends_with(';')
            && let Some((at, tree)) = open.take()
        {
            found.extend(paths(tree.trim_end_matches(';')).into_iter().map(|path| (at, path)));
        }
    }
    found
}

/// The paths of `a::{b, c::{d, e}}`.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let group = tree.split_once('{').and_then(|(root, rest)| Some((root, rest.strip_suffix('}')?)));
    let Some((root, group)) = group else { return vec![tree.to_owned()] };
    let mut depth = 0;
    let members = group.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let members = members.filter(|member| !member.trim().is_empty());
    members.flat_map(paths).map(|path| format!("{root}{path}")).collect()
}

fn without_visibility(words: &str) -> &str {
    let Some(rest) = words.strip_prefix("pub") else { return words };
    let rest =
        rest.strip_prefix('(').and_then(|rest| Some(rest.split_once(')')?.1)).unwrap_or(rest);
    rest.strip_prefix(' ').unwrap_or(words)
}

fn is_function(words: &str) -> bool {
    let mut words = without_visibility(words);
    while let Some(rest) =
        ["const ", "async ", "unsafe "].iter().find_map(|word| words.strip_prefix(word))
    {
        words = rest;
    }
    words.starts_with("fn ")
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
        if ["main", "lib", "build"].contains(&module.as_str()) {
            continue;
        }
        let Some(allowed) = allowed.get(module.as_str()) else {
            wrong.push(format!(
                "src/{}: give {module} its place in LAYERS of tidy/layers.rs",
                file.path
            ));
            continue;
        };
        for used in used(&file) {
            if used != module && !allowed.contains(used.as_str()) {
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
fn the_realm_and_the_link_are_pure() {
    let pure = |path: &str| path.starts_with("realm") || path == "link.rs";
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
