//! Client text that is quoted in an error.

/// The most characters of a client's text that an error repeats.
const LENGTH_MAX: usize = 64;

/// The first 64 printable ASCII characters of a text that a client sent; all others are left out,
/// spaces too. For names in errors, which reach logs and terminals.
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
