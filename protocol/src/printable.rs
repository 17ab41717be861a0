//! Sanitised client text for error messages.

/// Maximum length of client text that an error message quotes, in characters.
const LENGTH_MAX: usize = 64;

/// Returns the first 64 printable ASCII characters of `text`; all other characters and spaces are
/// removed. For names in error messages, because error messages are written to logs and terminals.
pub fn printable(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(LENGTH_MAX).collect()
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
}
