//! What serde expected, according to its error text.

/// Returns what serde expected in place of an invalid value, such as "a string". `error` is the
/// text of the error. Returns `None` if the error is not about an invalid value.
///
/// An error about an invalid value also contains that value, which may be a secret. serde has no
/// typed errors, so the expectation is cut out of the text.
pub fn expected_by_serde(error: &str) -> Option<&str> {
    let (_, expected) = error.strip_prefix("invalid ")?.rsplit_once("expected ")?;
    expected.split(" at line").next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_left_out() {
        let text = |json| serde_json::from_str::<(String, u8)>(json).unwrap_err().to_string();
        for (json, expectation) in [
            (r#"["a", "expected secret"]"#, Some("u8")),
            (r#"[4711, 1]"#, Some("a string")),
            (r#"["a", 4711]"#, Some("u8")),
            (r#"["a"]"#, Some("a tuple of size 2")),
            (r#"["a""#, None),
        ] {
            assert_eq!(expected_by_serde(&text(json)), expectation, "{json}");
        }
    }
}
