//! Checks of the words in code, tests, scripts and documents.

use std::path::PathBuf;

use super::source::{root, sources};

/// Words that make a text hard to read or leave its subject open. They are searched as whole words;
/// case is ignored.
const BANNED: [&str; 15] = [
    "whoever",
    "whom",
    "nobody",
    "somebody",
    "anybody",
    "he",
    "him",
    "his",
    "told",
    "dice",
    "wish",
    "anew",
    "lies in",
    "stands in",
    "comes to",
];

/// Texts that are banned in exactly this spelling. Write "`None` if …" in place of `none:`. The
/// other texts cite documents that are not part of the repository.
const BANNED_AS_WRITTEN: [&str; 5] = ["none:", "S0", "S1", "S2", "§"];

/// Quotations that may contain a banned word: a file and a part of the line. At most ten.
const QUOTATIONS: [(&str, &str); 0] = [];

/// The maximum number of words in the first sentence of a file.
const FIRST_SENTENCE_MAX: usize = 15;

/// The path of this file, which is not checked, since it lists the words.
const OWN: &str = "tests/suite/style/words.rs";

/// A text file of the repository.
struct Text {
    path: String,
    lines: Vec<String>,
}

/// Every text that people read: code, tests, scripts, documents, configurations.
fn texts() -> Vec<Text> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // Not checked: generated and downloaded files, and fixtures, which are input of tests.
            let foreign = ["target", ".git", "tests/fixtures", "node_modules", "tollgate-data"];
            if foreign.contains(&relative.as_str()) || is_word_list(&relative) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if is_text(&name) && relative != OWN {
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = text.lines().map(str::to_owned).collect();
                found.push(Text { path: relative, lines });
            }
        }
    }
    assert!(found.len() > 500, "only {} texts were found", found.len());
    found
}

/// Dictionaries of the password rules.
fn is_word_list(path: &str) -> bool {
    path.ends_with(".txt") || path.ends_with(".fst")
}

fn is_text(name: &str) -> bool {
    let kinds = ["rs", "md", "script", "toml", "json", "service", "yml", "html"];
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|it| kinds.contains(&it)) || ["run", "Dockerfile"].contains(&name)
}

/// Whether `line` contains `word` between characters that are not part of a word.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let continues = |c: Option<char>| c.is_some_and(part);
        // `none::name` and `{none:?}` are code.
        let is_path = word.ends_with(':') && matches!(after, Some(':' | '?'));
        let begins_inside = word.starts_with(part) && continues(before);
        !(begins_inside || is_path || word.ends_with(part) && continues(after))
    })
}

/// The banned words of a line.
fn banned_in(line: &str) -> Vec<&'static str> {
    let lower = line.to_lowercase();
    let any_case = BANNED.into_iter().filter(|word| has_word(&lower, word));
    any_case.chain(BANNED_AS_WRITTEN.into_iter().filter(|word| has_word(line, word))).collect()
}

#[test]
fn no_text_has_a_banned_word() {
    let (mut wrong, mut used) = (Vec::new(), [false; QUOTATIONS.len()]);
    for text in texts() {
        for (number, line) in (1..).zip(&text.lines) {
            let banned = banned_in(line);
            let quotation = QUOTATIONS
                .iter()
                .position(|(path, part)| *path == text.path && line.contains(part));
            match quotation {
                Some(index) => used[index] |= !banned.is_empty(),
                None => {
                    let line = |word| format!("{}:{number}: {word}: {}", text.path, line.trim());
                    wrong.extend(banned.into_iter().map(line));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "banned words:\n{}\n", wrong.join("\n"));
    assert!(used.len() <= 10, "QUOTATIONS has more than ten entries");
    assert!(used.iter().all(|it| *it), "remove unused quotations: {used:?}");
}

#[test]
fn banned_words_are_found() {
    let found = |line: &str| banned_in(line).join(", ");
    assert_eq!(found("/// Whoever asks is told: None::<u8>, where, S10, this"), "whoever, told");
    assert_eq!(found("// the row; none: it is over (S2, Reset; PROTOCOL §4)"), "none:, S2, §");
    assert_eq!(found("/// What it comes to lies in the log"), "lies in, comes to");
    assert_eq!(found("/// `None` if the time is unknown; this is withheld"), "");
}

/// The documents that a line names: its words that end in `.md`.
fn cited_documents(line: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let words = line.split(move |c| !part(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.len() > 3 && word.ends_with(".md"))
}

#[test]
fn cited_documents_exist() {
    let mut wrong = Vec::new();
    for text in texts() {
        let folder = root().join(&text.path).parent().map(PathBuf::from).unwrap();
        let manuals = ["src", "src/docs", "protocol/docs"].map(|manual| root().join(manual));
        let places: Vec<_> = [root(), folder].into_iter().chain(manuals).collect();
        for (number, line) in (1..).zip(&text.lines) {
            for cited in cited_documents(line) {
                // Tests of documents use these names as samples.
                let is_sample = ["sample.md", "none.md"].contains(&cited);
                // A package installs files under an absolute path.
                let is_sample = is_sample || cited.starts_with('/');
                if !is_sample && !places.iter().any(|place| place.join(cited).exists()) {
                    wrong.push(format!("{}:{number}: {cited} does not exist", text.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "missing documents:\n{}\n", wrong.join("\n"));
    let cited: Vec<_> = cited_documents("//! See docs/none.md, (SECURITY.md) and a.mdx.").collect();
    assert_eq!(cited, ["docs/none.md", "SECURITY.md"]);
}

#[test]
fn files_begin_with_a_short_sentence() {
    let mut wrong = Vec::new();
    for below in ["src", "protocol/src", "tests/suite", "benches"] {
        for file in sources(below) {
            let lines = file.code.iter().map_while(|line| line.strip_prefix("//!"));
            let text: Vec<_> = lines.take_while(|line| !line.trim().is_empty()).collect();
            let words = text.join(" ");
            let sentence = words.split(". ").next().unwrap_or_default();
            let count = sentence.split_whitespace().count();
            if count > FIRST_SENTENCE_MAX {
                wrong.push(format!("{below}/{}: {count} words: {sentence}", file.path));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "first sentences of more than {FIRST_SENTENCE_MAX} words:\n{}\n",
        wrong.join("\n")
    );
}
