//! The import graph of the crate: which file uses which file.
//!
//! A face is the `mod.rs` of a folder, which re-exports items of its files. An import from a face
//! counts as an import from the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{File, imports, is_comment, sources, without_visibility};

/// The path of a module below the crate: `["realm", "model", "user"]`.
pub type Path = Vec<String>;

/// All modules of the crate.
pub struct Modules {
    files: BTreeMap<Path, File>,
    /// The names that each face re-exports, with their paths relative to the folder of the face.
    faces: BTreeMap<Path, BTreeMap<String, Path>>,
}

fn segments(path: &str) -> Path {
    path.split("::").map(|it| it.trim().to_owned()).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the paths that begin with `root::` in a line of code.
fn paths_from(line: &str, root: &str) -> Vec<String> {
    let begin = format!("{root}::");
    let at = line.match_indices(&begin).map(|(at, _)| at);
    let whole = at.filter(|at| !line[..*at].ends_with(|c| is_word(c) || c == ':'));
    let until = |text: &str| text.find(|c| !is_word(c) && c != ':').unwrap_or(text.len());
    whole.map(|at| line[at..][..until(&line[at..])].trim_end_matches(':').to_owned()).collect()
}

impl Modules {
    /// Reads all modules below `src/`.
    pub fn read() -> Self {
        Self::of(sources("src"))
    }

    /// The modules in these files. Files next to `lib.rs` are left out.
    pub fn of(all: Vec<File>) -> Self {
        let (mut files, mut faces) = (BTreeMap::new(), BTreeMap::new());
        for file in all.into_iter().filter(|file| file.path.contains('/')) {
            let mut path: Path =
                file.path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            if path.last().is_some_and(|it| it == "mod") {
                path.pop();
                let exports = imports(&file).into_iter().map(|(_, it)| segments(&it));
                let named = |it: Path| Some((it.last()?.clone(), it));
                faces.insert(path.clone(), exports.filter_map(named).collect());
            }
            files.insert(path, file);
        }
        Self { files, faces }
    }

    /// All files, including faces.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &File)> {
        self.files.iter()
    }

    /// All faces.
    pub fn faces(&self) -> impl Iterator<Item = &File> {
        self.faces.keys().map(|path| &self.files[path])
    }

    /// The file that defines the item of an absolute path; the face if the path is a folder. `None`
    /// if no file matches.
    fn resolve(&self, path: &[String]) -> Option<Path> {
        let mut at: Path = Vec::new();
        for (depth, name) in path.iter().enumerate() {
            let next: Path = at.iter().chain([name]).cloned().collect();
            if self.files.contains_key(&next) {
                at = next;
                continue;
            }
            let exported = self.faces.get(&at).and_then(|face| face.get(name));
            if let Some(exported) = exported {
                let rest = path[depth + 1..].iter();
                let full: Path = at.iter().chain(exported).chain(rest).cloned().collect();
                return self.resolve(&full);
            }
            break;
        }
        (!at.is_empty()).then_some(at)
    }

    /// Converts a path that a module uses into a path from the crate root; `None` if the path
    /// begins neither with `crate` nor with `super`.
    fn absolute(&self, module: &Path, path: &str) -> Option<Path> {
        let segments = segments(path);
        let up = segments.iter().take_while(|it| *it == "super").count();
        match segments.first()?.as_str() {
            "crate" => Some(segments[1..].to_vec()),
            "super" => Some([&module[..module.len().checked_sub(up)?], &segments[up..]].concat()),
            _ => None,
        }
    }

    /// The paths that a file uses outside its test code.
    fn named(&self, module: &Path) -> Vec<String> {
        let file = &self.files[module];
        let mut named: Vec<String> = imports(file).into_iter().map(|(_, path)| path).collect();
        for line in file.code.iter().filter(|line| !is_comment(line)) {
            let words = line.trim_start();
            if without_visibility(words).starts_with("use ") {
                continue;
            }
            // The path in `pub(in …)` is an enclosing module, not an import.
            let rest = words.strip_prefix("pub(in ").and_then(|rest| rest.split_once(')'));
            let words = rest.map_or(words, |(_, rest)| rest);
            named.extend(["crate", "super"].iter().flat_map(|root| paths_from(words, root)));
        }
        named
    }

    /// Returns the top-level folders of the crate that a file uses outside its test code. An empty
    /// name stands for the crate root.
    pub fn folders(&self, module: &Path) -> BTreeSet<String> {
        let named = self.named(module).into_iter();
        let absolute = named.filter_map(|path| self.absolute(module, &path));
        absolute.map(|path| path.into_iter().next().unwrap_or_default()).collect()
    }

    /// The other files that a file uses outside its test code.
    pub fn uses(&self, module: &Path) -> BTreeSet<Path> {
        let file = &self.files[module];
        let code = || file.code.iter().filter(|line| !is_comment(line));
        let mut found = BTreeSet::new();
        for path in self.named(module) {
            let Some(target) = self.absolute(module, &path).and_then(|it| self.resolve(&it)) else {
                continue;
            };
            if !self.faces.contains_key(&target) {
                found.insert(target);
                continue;
            }
            // The import is a folder: resolve the paths in the code that begin with its name.
            let name = path.trim_end_matches("::self").rsplit("::").next().unwrap_or_default();
            for through in code().flat_map(|line| paths_from(line, name)) {
                let full: Path =
                    target.iter().cloned().chain(segments(&through).split_off(1)).collect();
                found.extend(self.resolve(&full));
            }
        }
        found.retain(|it| it != module && !self.faces.contains_key(it));
        found
    }

    /// The files that import each other in a circle, and those on a path between two circles,
    /// sorted.
    pub fn circles(&self) -> Vec<String> {
        // A file in a circle uses a file and is used by a file. Files that use no file, or are used
        // by no file, are removed until no such file is left.
        let mut left: BTreeMap<&Path, BTreeSet<Path>> =
            self.files.keys().map(|path| (path, self.uses(path))).collect();
        loop {
            let used: BTreeSet<Path> = left.values().flatten().cloned().collect();
            let before = left.len();
            left.retain(|file, uses| !uses.is_empty() && used.contains(*file));
            let files: BTreeSet<Path> = left.keys().map(|it| (*it).clone()).collect();
            left.values_mut().for_each(|uses| uses.retain(|it| files.contains(it)));
            if left.len() == before {
                return left.into_keys().map(|it| it.join("/")).collect();
            }
        }
    }
}
