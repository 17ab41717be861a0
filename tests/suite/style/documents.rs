//! Documents against the repository: links lead to files, cited tests exist.

use super::source::root;

/// The documents whose links and citations are checked.
const DOCUMENTS: [&str; 6] = [
    "README.md",
    "protocol/README.md",
    "protocol/docs/filters.md",
    "protocol/docs/script-format.md",
    ".packaging/README.md",
    "src/docs/architecture.md",
];

fn text(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap()
}

/// The targets of the links in a Markdown text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// The tests that a Markdown text cites, as `path/to/file.rs::name`.
fn citations(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').filter(|it| it.contains(".rs::")).filter_map(|it| it.split_once("::"))
}

#[test]
fn links_lead_to_files() {
    let mut wrong = Vec::new();
    for document in DOCUMENTS {
        let path = root().join(document);
        let text = text(document);
        for link in links(&text) {
            let target = link.split('#').next().unwrap();
            let is_local = !target.is_empty() && !target.contains("://");
            if is_local && !path.parent().unwrap().join(target).exists() {
                wrong.push(format!("{document}: {link} leads nowhere"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn cited_tests_exist() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for document in DOCUMENTS {
        let text = text(document);
        for (file, test) in citations(&text) {
            count += 1;
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            if !source.contains(&format!("fn {test}(")) {
                wrong.push(format!("{document}: there is no test {file}::{test}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(count > 20, "the invariants name their tests");
}
