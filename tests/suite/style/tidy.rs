//! Tests of the source files: module layers, pure files, sizes, one file for each message.
//!
//! Each failure names the place.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::{HOMES, IMPURE, MODULES, NAMES_THAT_MAY_REPEAT, PURE, UNSEEN};
use super::modules::Modules;
use super::source::{
    File, file, imports, indent, is_comment, is_function, sources, without_visibility,
};

const FILE_MAX: usize = 400;
const FACE_MAX: usize = 60;
const FUNCTION_MAX: usize = 50;
const LINE_MAX: usize = 100;

fn expect_none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn modules_import_only_those_below_them() {
    expect_none(upward_imports(&Modules::read()));
}

fn upward_imports(modules: &Modules) -> Vec<String> {
    let layer = |module: &str| MODULES.iter().position(|it| *it == module);
    let mut wrong = Vec::new();
    for (path, file) in modules.files() {
        let Some(own) = layer(&path[0]) else {
            wrong.push(format!("src/{}: add {} to MODULES", file.path, path[0]));
            continue;
        };
        for used in modules.folders(path) {
            if used.is_empty() {
                wrong.push(format!("src/{}: import a module, not the crate", file.path));
            }
            if layer(&used).is_some_and(|used| used < own) {
                wrong.push(format!("src/{} must not use {used}, a higher layer", file.path));
            }
        }
    }
    wrong
}

#[test]
fn modules_are_folders_that_the_checks_can_see() {
    expect_none(hidden_modules(&sources("src")));
}

/// Files that are not in the folder of their module, and syntax that hides a module from the
/// checks.
fn hidden_modules(files: &[File]) -> Vec<String> {
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut wrong = Vec::new();
    for folder in &folders {
        if !paths.contains(format!("{folder}/mod.rs").as_str()) {
            wrong.push(format!("src/{folder} has no mod.rs"));
        }
    }
    for file in files {
        let module = file.path.trim_end_matches(".rs");
        let at_top = !file.path.contains('/') && !["lib", "main", "build"].contains(&module);
        if at_top || folders.contains(module) {
            wrong.push(format!("src/{}: a module is a folder with a mod.rs", file.path));
        }
        for (at, line) in file.code.iter().enumerate().filter(|(_, line)| !is_comment(line)) {
            let words = without_visibility(line.trim_start());
            // The module `docs` contains only documentation.
            let is_manual = file.path == "lib.rs" && words == "mod docs {";
            let inline = words.starts_with("mod ") && words.ends_with('{') && !is_manual;
            let root = file.path == "lib.rs" && words.starts_with("use ");
            let unseen = UNSEEN.iter().any(|it| words.contains(it));
            if inline || root || unseen {
                wrong.push(format!(
                    "src/{}:{}: {words}: hides a module from the checks",
                    file.path,
                    at + 1
                ));
            }
        }
    }
    wrong
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circle = Modules::read().circles();
    assert!(circle.is_empty(), "these files import each other in a circle: {}", circle.join(", "));
}

#[test]
fn a_mod_rs_only_names_modules_and_exports_items() {
    expect_none(faults_of_faces(&Modules::read()));
}

fn faults_of_faces(modules: &Modules) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in modules.faces() {
        if file.length > FACE_MAX {
            wrong.push(format!("src/{} has more than {FACE_MAX} lines", file.path));
        }
        let mut is_in_use = false;
        for (at, line) in file.code.iter().enumerate().filter(|(_, line)| !is_comment(line)) {
            let words = without_visibility(line.trim());
            let begins = words.starts_with("use ");
            // A glob import or a renamed item would hide the origin of what a face exports.
            let is_hidden =
                (is_in_use || begins) && (words.contains('*') || words.contains(" as "));
            let fits = !is_hidden
                && (is_in_use || begins || words.starts_with("mod ") || words.is_empty());
            is_in_use = (is_in_use || begins) && !words.ends_with(';');
            if !fits {
                wrong.push(format!("src/{}:{}: {words}: not for a mod.rs", file.path, at + 1));
            }
        }
    }
    wrong
}

#[test]
fn no_public_type_name_is_used_twice() {
    expect_none(repeated_names(&sources("src")));
}

fn repeated_names(files: &[File]) -> Vec<String> {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for file in files {
        for (at, line) in file.code.iter().enumerate() {
            let Some(name) = public_type(line) else { continue };
            let place = format!("src/{}:{}", file.path, at + 1);
            if let Some(first) = seen.insert(name.clone(), place.clone())
                && !NAMES_THAT_MAY_REPEAT.contains(&name.as_str())
            {
                wrong.push(format!("{name} is the name of two types: {first} and {place}"));
            }
        }
    }
    wrong
}

/// Returns the name of the public type whose definition begins in a line.
fn public_type(line: &str) -> Option<String> {
    let line = line.trim_start();
    if !line.starts_with("pub") {
        return None;
    }
    let words = without_visibility(line);
    let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
    let rest = kinds.iter().find_map(|kind| words.strip_prefix(kind))?;
    Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
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
    expect_none(wrong);
}

fn impurities(file: &File) -> Vec<String> {
    let lines = (1..).zip(file.code.iter().cloned()).filter(|(_, line)| !is_comment(line));
    let mut found = Vec::new();
    for (at, line) in lines.chain(imports(file)) {
        let words = IMPURE.iter().filter(|word| line.contains(**word));
        found.extend(words.map(|word| format!("{at}: {word} is not pure")));
    }
    found.dedup();
    found
}

#[test]
fn restricted_crates_are_used_only_where_allowed() {
    let mut wrong = Vec::new();
    for file in sources("src") {
        for (word, homes) in
            HOMES.iter().filter(|(_, homes)| !homes.iter().any(|home| file.path.starts_with(home)))
        {
            if file.code.iter().any(|line| !is_comment(line) && line.contains(word)) {
                wrong.push(format!("src/{}: {word} may be used only in {homes:?}", file.path));
            }
        }
    }
    expect_none(wrong);
}

#[test]
fn files_lines_and_functions_are_short() {
    let mut wrong = Vec::new();
    for below in ["src", "protocol/src", "tests/suite"] {
        for file in sources(below) {
            let place = format!("{below}/{}", file.path);
            // The length of test files is not limited.
            if file.length > FILE_MAX && below != "tests/suite" {
                wrong.push(format!("{place} has {} lines; the limit is {FILE_MAX}", file.length));
            }
            if !file.code.first().is_some_and(|line| line.starts_with("//!")) {
                wrong.push(format!("{place} must begin with a //! line that says what it is"));
            }
            for (at, line) in file.code.iter().enumerate() {
                if line.chars().count() > LINE_MAX {
                    wrong.push(format!("{place}:{} has more than {LINE_MAX} columns", at + 1));
                }
            }
            wrong.extend(long_functions(&file).into_iter().map(|it| format!("{place}:{it}")));
        }
    }
    expect_none(wrong);
}

/// Functions of more than [`FUNCTION_MAX`] lines. A function ends at the brace that rustfmt puts in
/// the column where the function begins.
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
                long.push(format!(
                    "{}: this function has {} lines; the limit is {FUNCTION_MAX}",
                    start + 1,
                    at - start
                ));
            }
            open = None;
        }
    }
    long
}

#[test]
fn every_message_has_one_file_and_one_handler() {
    let mut handlers: Vec<String> =
        tollgate::messages::HANDLERS.iter().map(|handler| handler.name.to_lowercase()).collect();
    let mut files: Vec<String> = sources("src/messages")
        .into_iter()
        .filter_map(|file| {
            let (folder, name) = file.path.trim_end_matches(".rs").rsplit_once('/')?;
            (is_message(name) && !folder.contains('/')).then(|| name.to_owned())
        })
        .collect();
    handlers.sort();
    files.sort();
    assert_eq!(
        files, handlers,
        "each message has one file, src/messages/<subject>/<name>.rs, and one handler in HANDLERS"
    );
}

/// Whether `name`, a file of `messages/` without its extension, is the name of a message.
fn is_message(name: &str) -> bool {
    let begins = ["event_", "req_", "data_", "heartbeat_"];
    begins.iter().any(|it| name.starts_with(it))
        || name.ends_with("_request")
        || name == "more_rows"
}

#[test]
fn no_todo_marker_and_no_vague_module_name_is_left() {
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
                wrong.push(format!("{below}: name a module by its subject, not {name}"));
            }
        }
    }
    expect_none(wrong);
}

/// Files with faults that the checks must find.
fn planted_faults() -> Vec<File> {
    let fake = |path: &str, text: &str| file(path.to_owned(), text);
    vec![
        fake(
            "realm/mod.rs",
            "//! F.\nmod user;\nmod row;\npub use user::User;\nfn out_of_place() {}",
        ),
        fake("realm/user.rs", "//! U.\nuse super::row::Row;\npub struct User;"),
        fake(
            "realm/row.rs",
            "//! R.\npub struct Row;\npub type User = u8;\nfn f() {\n    crate::realm::User;\n}",
        ),
        fake("net/mod.rs", "//! N.\nmod listener;\npub use listener::Listener;"),
        fake("net/listener.rs", "//! L.\nuse crate::realm::{\n    User,\n};\npub struct Listener;"),
        fake(
            "settings/load.rs",
            "//! S.\nuse crate::net;\n#[cfg(test)]\nuse crate::cli;\nfn f(l: net::Listener) {}",
        ),
        fake("mail/mod.rs", "//! M.\npub use server::*;\npub use server::Server as Mail;"),
        fake("mail/all.rs", "//! A.\nuse crate::net::*; // all of it\nuse std::fmt;"),
        fake("mail/renamed.rs", "//! R.\nuse crate::{net as wire, realm::User as Owner};"),
        fake("mail/open.rs", "//! O.\npub(in crate::mail) fn f(l: crate::net::Listener) {}"),
        fake(
            "mail/field.rs",
            "//! F.\nstruct X {\n    #[cfg(test)]\n    a: u8,\n    b: super::super::net::L,\n}",
        ),
        fake("mail/root.rs", "//! C.\nuse crate as c;"),
    ]
}

#[test]
fn the_checks_find_planted_faults() {
    let files = planted_faults();
    let names = repeated_names(&files);
    assert_eq!(
        names,
        ["User is the name of two types: src/realm/user.rs:3 and src/realm/row.rs:3"]
    );
    let modules = Modules::of(files);
    let upward = [
        "src/mail/all.rs must not use net, a higher layer",
        "src/mail/field.rs must not use net, a higher layer",
        "src/mail/open.rs must not use net, a higher layer",
        "src/mail/renamed.rs must not use net, a higher layer",
        "src/mail/root.rs: import a module, not the crate",
        "src/settings/load.rs must not use net, a higher layer",
    ];
    assert_eq!(upward_imports(&modules), upward);
    assert_eq!(modules.circles(), ["realm/row", "realm/user"]);
    assert_eq!(
        faults_of_faces(&modules),
        [
            "src/mail/mod.rs:2: use server::*;: not for a mod.rs",
            "src/mail/mod.rs:3: use server::Server as Mail;: not for a mod.rs",
            "src/realm/mod.rs:5: fn out_of_place() {}: not for a mod.rs",
        ]
    );
}

#[test]
fn the_checks_find_hidden_modules() {
    let files = [
        file("lib.rs".to_owned(), "//! L.\npub mod net;\npub use net::Listener;"),
        file("helper.rs".to_owned(), "//! H."),
        file("net.rs".to_owned(), "//! N."),
        file("net/tls.rs".to_owned(), "//! T.\n#[path = \"x\"]\nmod x;\nmod y {\n}"),
    ];
    let hidden = [
        "src/net has no mod.rs",
        "src/lib.rs:3: use net::Listener;: hides a module from the checks",
        "src/helper.rs: a module is a folder with a mod.rs",
        "src/net.rs: a module is a folder with a mod.rs",
        "src/net/tls.rs:2: #[path = \"x\"]: hides a module from the checks",
        "src/net/tls.rs:4: mod y {: hides a module from the checks",
    ];
    assert_eq!(hidden_modules(&files), hidden);
}

#[test]
fn test_code_is_skipped_and_import_groups_are_expanded() {
    let text = "\
//! A file.
#[cfg(test)]
use crate::gateway;
use std::{collections::BTreeMap, env, thread::{self, JoinHandle}};
impl X {
    #[cfg(test)]
    fn only_in_tests() {
        crate::gateway::start();
    }
}
#[cfg(test)]
mod tests {
    use crate::gateway;
}
fn late() {
    crate::services::late();
}";
    let sample = file("realm/plan.rs".to_owned(), text);
    assert_eq!((sample.code.len(), sample.length), (17, 7));
    let impure = ["4: std::env is not pure", "4: std::thread is not pure"];
    assert_eq!(impurities(&sample), impure);
    for begin in ["fn", "pub fn", "const fn", "pub const fn", "pub(super) async fn", "async fn"] {
        let long = format!("{begin} f() {{\n{}}}", "    x();\n".repeat(FUNCTION_MAX + 1));
        assert_eq!(long_functions(&file(String::new(), &long)).len(), 1, "{begin}");
    }
    assert!(!is_function("const LONG: fn() = f;") && !is_function("pub struct X {"));
}
