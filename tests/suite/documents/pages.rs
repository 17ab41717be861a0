//! Tests that run the shell blocks of the documents as a reader pastes them.
//!
//! The `sh` blocks of a document run in one shell, which has an empty directory and a network
//! namespace of its own. The default ports are free there. A `text` block directly after an `sh`
//! block shows the output of that block.

use std::path::Path;
use std::process::Command;

use crate::harness::markdown::{Document, documents};

/// Seconds for the commands of one document.
const TIMEOUT_SECS: &str = "120";

/// One block to run.
struct Block {
    shell: String,
    line: usize,
    /// Lines that the output must contain, in this order; `…` stands for any text.
    expected: Vec<String>,
}

fn blocks(document: &Document) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut before = "";
    for fence in document.fences() {
        let shows_output = fence.info == "text" && before == "sh" && fence.follows_fence;
        if fence.info == "sh" {
            blocks.push(Block { shell: fence.text, line: fence.line, expected: Vec::new() });
        } else if let Some(block) = blocks.last_mut().filter(|_| shows_output) {
            block.expected = fence.text.lines().map(str::to_owned).collect();
        }
        before = fence.info;
    }
    blocks
}

/// Returns a shell script that runs the blocks and writes the output of block N to the file N. A
/// block that begins with `tollgate serve` or `cargo run`, without `&`, runs in the background; the
/// next block begins when the gateway listens. Job control is on, as in an interactive shell, so
/// that `kill %1` ends a background block.
fn script(blocks: &[Block], output: &Path) -> String {
    let output = output.display();
    let mut script = String::from(PREPARE);
    for (number, block) in blocks.iter().enumerate() {
        let (shell, file) = (&block.shell, format!("{output}/{number}"));
        let is_server = !shell.contains(" &\n")
            && ["tollgate serve", "cargo run"].iter().any(|it| shell.starts_with(it));
        script.push_str(&format!("printed={file}; echo 'block of line {}' >&2\n", block.line));
        script.push_str(&if is_server {
            format!(
                "{{\n{shell}}} >{file} 2>&1 &\n\
                 until grep -qE '^tollgate (listens|demo) on' {file}; do\n\
                 kill -0 $!; sleep 0.02; done\n"
            )
        } else {
            format!("{{\n{shell}}} >{file} 2>&1\n")
        });
    }
    script
}

/// The beginning of a script. It enables the loopback interface, and replaces `cargo run` by the
/// program under test; other `cargo` commands do nothing. `finish` stops background jobs; after a
/// failure it first prints the output of the failed block.
const PREPARE: &str = r#"
set -eum -o pipefail
finish() {
    status=$?
    [ $status = 0 ] || cat "$printed" >&2
    for job in $(jobs -p); do kill -- "-$job"; done 2>/dev/null || true
    exit $status
}
printed=/dev/null
trap finish EXIT
cargo() { case "$*" in 'run '*) shift 3; tollgate "$@";; *) ;; esac; }
ip link set lo up
"#;

/// Returns the first expected line that the output does not contain in this order.
fn missing_line<'a>(expected: &'a [String], output: &str) -> Option<&'a str> {
    let mut lines = output.lines();
    expected.iter().map(String::as_str).find(|wanted| !lines.any(|line| matches(wanted, line)))
}

/// Whether a line matches `pattern`, in which `…` stands for any text.
fn matches(pattern: &str, line: &str) -> bool {
    let (pattern, line) = (pattern.trim_end(), line.trim_end());
    let parts: Vec<_> = pattern.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Runs the blocks of a document; returns what is wrong.
fn run(document: &Document) -> Vec<String> {
    let blocks = blocks(document);
    let folder = tempfile::tempdir().unwrap();
    let (bin, home, output) =
        (folder.path().join("bin"), folder.path().join("home"), folder.path().join("output"));
    for path in [&bin, &home, &output] {
        std::fs::create_dir(path).unwrap();
    }
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tollgate"), bin.join("tollgate")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("timeout");
    command.args([TIMEOUT_SECS, "unshare", "--net", "bash", "-c", &script(&blocks, &output)]);
    command.current_dir(&home).env("HOME", &home).env("PATH", path);
    let ended = command.output().unwrap();
    if !ended.status.success() {
        let text = String::from_utf8_lossy(&ended.stderr);
        return vec![format!("{}: {}: {text}", document.path, ended.status)];
    }
    let mut wrong = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let printed = std::fs::read_to_string(output.join(number.to_string())).unwrap();
        if let Some(line) = missing_line(&block.expected, &printed) {
            wrong.push(format!("{}:{}: no {line:?} in\n{printed}", document.path, block.line));
        }
    }
    wrong
}

#[test]
fn commands_of_the_documents_work_as_pasted() {
    let documents: Vec<_> =
        documents().into_iter().filter(|document| !blocks(document).is_empty()).collect();
    let wrong: Vec<_> = documents.iter().flat_map(run).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert!(documents.iter().any(|it| it.path == "README.md"), "the README has no commands");
}

#[test]
fn failing_commands_and_wrong_outputs_are_found() {
    let sample = |text: &str| Document { path: "sample.md".to_owned(), text: text.to_owned() };
    let right = sample("```sh\necho one; echo two three\n```\n\n```text\none\ntwo…ee\n```\n");
    assert_eq!(run(&right), [""; 0]);
    let wrong = run(&sample("```sh\necho one; echo two\n```\n```text\ntwo\none\n```\n"));
    assert!(wrong.len() == 1 && wrong[0].contains("no \"one\" in"), "{wrong:?}");
    let failed = run(&sample("```sh\necho begun; false\necho two\n```\n"));
    assert!(failed.len() == 1 && failed[0].contains("exit status: 1"), "{failed:?}");
    assert!(failed[0].contains("begun") && !failed[0].contains("two"), "{failed:?}");
}
