//! Source files for the style checks: lines without test code, and import paths.

use std::path::Path;

pub use crate::harness::markdown::root;

/// A source file of the repository.
pub struct File {
    /// The path relative to the folder that was read.
    pub path: String,
    /// All lines of the file; lines of test code are empty.
    pub code: Vec<String>,
    /// The number of lines without test code.
    pub length: usize,
}

/// The `.rs` files below a folder of the repository.
pub fn sources(below: &str) -> Vec<File> {
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
    assert!(found.len() > 3, "{below} has too few source files: is the path right?");
    found
}

fn read(base: &Path, path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap();
    file(path.strip_prefix(base).unwrap().to_string_lossy().into_owned(), &text)
}

/// Returns a file with this text, in which lines of test code are empty. Code may follow the tests.
pub fn file(path: String, text: &str) -> File {
    let (mut code, mut length) = (Vec::new(), 0);
    let mut test: Option<usize> = None;
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let (indent, words) = (indent(line), line.trim_start());
        // `#[cfg(test)]` guards an item only if the next line of code begins an item. Fields,
        // variants and match arms are not items.
        let guards_item = || {
            let guarded = lines[at + 1..].iter().find(|line| !is_attribute_or_comment(line));
            guarded.is_some_and(|line| is_item(line))
        };
        if test.is_none() && words == "#[cfg(test)]" && guards_item() {
            test = Some(indent);
            code.push(String::new());
            continue;
        }
        let Some(column) = test else {
            code.push((*line).to_owned());
            length += 1;
            continue;
        };
        code.push(String::new());
        // rustfmt writes the last line of an item in the column of its first.
        let ends = words.ends_with(';') || words.ends_with('}');
        if indent == column && ends && !words.starts_with("#[") {
            test = None;
        }
    }
    File { path, code, length }
}

/// The number of columns before the first word of a line.
pub fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The paths that a file imports, with their line numbers; groups are expanded.
pub fn imports(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in file.code.iter().enumerate().filter(|(_, line)| !is_comment(line)) {
        let words = line.split("//").next().unwrap_or_default().trim();
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

/// The paths in a use tree such as `a::{b, c::{d, e}}`.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let group = tree.split_once('{').and_then(|(root, rest)| Some((root, rest.strip_suffix('}')?)));
    let Some((root, group)) = group else {
        // A renamed import counts by its original name.
        return vec![tree.split(" as ").next().unwrap_or(tree).to_owned()];
    };
    let mut depth = 0;
    let members = group.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    let members = members.filter(|member| !member.trim().is_empty());
    members.flat_map(paths).map(|path| format!("{root}{path}")).collect()
}

/// A line without `pub` or `pub(…)`.
pub fn without_visibility(words: &str) -> &str {
    let Some(rest) = words.strip_prefix("pub") else { return words };
    let rest =
        rest.strip_prefix('(').and_then(|rest| Some(rest.split_once(')')?.1)).unwrap_or(rest);
    rest.strip_prefix(' ').unwrap_or(words)
}

/// Whether a line is an attribute or a comment.
fn is_attribute_or_comment(line: &str) -> bool {
    let words = line.trim_start();
    words.starts_with("#[") || words.starts_with("//")
}

/// Whether a line begins an item.
fn is_item(line: &str) -> bool {
    let words = without_visibility(line.trim_start());
    let kinds =
        ["mod ", "use ", "impl", "struct ", "enum ", "trait ", "type ", "static ", "const "];
    is_function(words) || kinds.iter().any(|kind| words.starts_with(kind))
}

/// Whether a line begins a function.
pub fn is_function(words: &str) -> bool {
    let mut words = without_visibility(words);
    while let Some(rest) =
        ["const ", "async ", "unsafe "].iter().find_map(|word| words.strip_prefix(word))
    {
        words = rest;
    }
    words.starts_with("fn ")
}

/// Whether a line is a comment.
pub fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}
