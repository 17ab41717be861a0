//! The text of an error with its causes, for standard error and the log.

/// Returns the text of an error and of its causes, separated by colons. A cause is left out if the
/// text before it already contains it.
pub(super) fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cause_is_repeated() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read a: {source}")]
        struct Outer {
            source: std::io::Error,
        }
        let outer = || Outer { source: std::io::Error::other("disk full") };
        assert_eq!(with_causes(&outer().into()), "cannot read a: disk full");
        let error = anyhow::Error::from(outer()).context("no configuration");
        assert_eq!(with_causes(&error), "no configuration: cannot read a: disk full");
    }
}
