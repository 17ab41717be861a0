//! Blocks of the README that tests run as a reader would.

/// The text of the README.
pub const README: &str = include_str!("../../../README.md");

/// The indented block of the README after a line that contains `words`.
pub fn block(words: &str) -> String {
    let after = README.lines().skip_while(|line| !line.contains(words)).skip(1);
    let block = after.skip_while(|line| !line.starts_with("    "));
    let lines = block.take_while(|line| line.starts_with("    "));
    lines.map(|line| &line[4..]).collect::<Vec<_>>().join("\n")
}
