//! Text of others on a terminal: hidden characters are printed as escapes.

/// Returns a text whose hidden characters, except line breaks, are escapes such as `\u202e`. Text
/// that is JSON keeps its meaning. Without this, control characters could change what a terminal
/// shows, and bidirectional ones the order of the text.
pub(super) fn escaped(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(protocol::escape_hidden).collect();
    lines.join("\n")
}
