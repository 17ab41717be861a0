//! Tests that the links of the documents work and that cited tests exist.

use std::path::Path;

use crate::harness::markdown::{Document, documents, root};

/// The targets of the links in a Markdown text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// The tests that a Markdown text cites, as `path/to/file.rs::name`.
fn citations(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('`').filter(|it| it.contains(".rs::")).filter_map(|it| it.split_once("::"))
}

/// Returns the anchors of the headings in the form of common forges such as GitHub.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Why a link of a document leads nowhere; `None` if it is right or leads out of the repository.
fn fault_of_link(document: &Document, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let folder = Path::new(&document.path).parent()?;
    let path = root().join(folder).join(target);
    if !target.is_empty() && !path.exists() {
        return Some(format!("{}: {link} points to no file", document.path));
    }
    if anchor.is_empty() || !target.is_empty() && !target.ends_with(".md") {
        return None;
    }
    let text = if target.is_empty() {
        document.prose()
    } else {
        let text = std::fs::read_to_string(path).unwrap();
        Document { path: target.to_owned(), text }.prose()
    };
    let is_there = anchors(&text).iter().any(|it| it == anchor);
    (!is_there).then(|| format!("{}: {link} points to no heading", document.path))
}

#[test]
fn links_point_to_files_and_headings() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        let prose = document.prose();
        count += links(&prose).count();
        wrong.extend(links(&prose).filter_map(|link| fault_of_link(&document, link)));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(count > 50, "only {count} links were found");
}

#[test]
fn broken_links_are_found() {
    let text = "# A title: `code`\n[a](#a-title-code) [b](#b) [c](Cargo.toml) [d](none.md)\n\
                [e](README.md#none) [f](https://example.com/none)";
    let document = Document { path: "sample.md".to_owned(), text: text.to_owned() };
    let faults = links(text).filter_map(|link| fault_of_link(&document, link));
    let faults: Vec<_> = faults.collect();
    let expected = ["#b points to no heading", "none.md points to no file"];
    let expected = expected.iter().map(|it| format!("sample.md: {it}"));
    let expected: Vec<_> =
        expected.chain(["sample.md: README.md#none points to no heading".to_owned()]).collect();
    assert_eq!(faults, expected);
}

#[test]
fn cited_tests_exist() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for document in documents() {
        for (file, test) in citations(&document.text) {
            count += 1;
            let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            if !source.contains(&format!("fn {test}(")) {
                wrong.push(format!("{}: the test {file}::{test} does not exist", document.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(count > 20, "only {count} cited tests were found");
}

#[test]
fn pages_of_the_manual_are_part_of_the_crate_documentation() {
    let library = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for document in documents().iter().filter(|it| it.path.starts_with("src/docs/")) {
        let page = document.path.trim_start_matches("src/");
        assert!(library.contains(&format!("include_str!(\"{page}\")")), "src/lib.rs lacks {page}");
    }
}
