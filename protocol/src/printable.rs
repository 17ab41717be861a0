//! Sanitised text of others, for error messages, names and terminals.

use std::fmt::Write;

/// Maximum length of client text that an error message quotes, in characters.
const LENGTH_MAX: usize = 64;

/// Returns the first 64 printable ASCII characters of `text`; all other characters and spaces are
/// removed. For names in error messages, because error messages are written to logs and terminals.
pub fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(LENGTH_MAX).collect()
}

/// Whether a character is not visible itself, but can change how other text is shown or compared:
/// a control character, a character without width, or one that sets the direction of text.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns a text whose hidden characters are replaced by their escapes in JSON, such as `\u202e`.
pub fn escape_hidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_printable_characters_are_kept() {
        assert_eq!(printable("EVENT_X"), "EVENT_X");
        assert_eq!(printable("\u{1b}[31mA é\nB\u{202e}"), "[31mAB");
        assert_eq!(printable(&"x".repeat(100)).len(), 64);
    }

    #[test]
    fn hidden_characters_are_escaped_as_in_json() {
        let text = "é \u{1b}[31m\u{9b}A\u{200b}\u{202e}\u{e0041}z";
        let shown = escape_hidden(text);
        assert_eq!(shown, r"é \u001b[31m\u009bA\u200b\u202e\udb40\udc41z");
        let parsed: String = serde_json::from_str(&format!("\"{shown}\"")).unwrap();
        assert_eq!(parsed, text);
    }
}
