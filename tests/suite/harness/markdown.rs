//! Markdown documents of the repository and their code fences.

use std::path::{Path, PathBuf};

/// A document of the repository.
pub struct Document {
    /// The path relative to the root of the repository.
    pub path: String,
    pub text: String,
}

/// A fenced block of a document.
#[derive(Debug)]
pub struct Fence<'a> {
    /// What follows the opening backticks, such as `sh` or `sh example`.
    pub info: &'a str,
    pub text: String,
    /// The line number of the first line of `text`.
    pub line: usize,
    /// Whether only empty lines separate this fence from the previous fence.
    pub follows_fence: bool,
}

/// The root folder of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown document of the repository.
pub fn documents() -> Vec<Document> {
    let mut paths = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                let is_foreign = ["target", ".git", "node_modules"].contains(&name.as_str());
                folders.extend((!is_foreign).then_some(path));
            } else if path.extension().is_some_and(|it| it == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let documents: Vec<_> = paths.iter().map(|path| read(path)).collect();
    assert!(documents.len() > 10, "only {} documents were found", documents.len());
    documents
}

fn read(path: &Path) -> Document {
    let text = std::fs::read_to_string(path).unwrap();
    let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    Document { path, text }
}

impl Document {
    /// The fenced blocks, in order.
    pub fn fences(&self) -> Vec<Fence<'_>> {
        let mut fences: Vec<Fence<'_>> = Vec::new();
        let (mut is_open, mut follows_fence) = (false, false);
        for (number, line) in (1..).zip(self.text.lines()) {
            let marker = line.trim_start().strip_prefix("```");
            match (marker, is_open) {
                (Some(info), false) => {
                    let (text, line) = (String::new(), number + 1);
                    fences.push(Fence { info: info.trim(), text, line, follows_fence });
                    is_open = true;
                }
                (Some(_), true) => (is_open, follows_fence) = (false, true),
                (None, true) => {
                    let fence = fences.last_mut().expect("no fence is open");
                    fence.text.push_str(line);
                    fence.text.push('\n');
                }
                (None, false) => follows_fence &= line.trim().is_empty(),
            }
        }
        assert!(!is_open, "{}: a fence is not closed", self.path);
        fences
    }

    /// The text without its fenced blocks.
    pub fn prose(&self) -> String {
        let mut is_open = false;
        let lines = self.text.lines().filter(|line| {
            let is_marker = line.trim_start().starts_with("```");
            is_open ^= is_marker;
            !is_open && !is_marker
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
