//! Filter functions on a field, such as `FIELD.contains('x')`, in linear time.

/// A function of filters. With `fold`, ASCII case is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    StartsWith { fold: bool },
    EndsWith { fold: bool },
    Contains { fold: bool },
}

/// A function with its argument.
#[derive(Debug, PartialEq)]
pub(super) struct FunctionCall {
    function: Function,
    /// In lower case if the function ignores case.
    argument: Box<str>,
    /// The failure table of a Knuth–Morris–Pratt search: for each length of a match, the longest
    /// shorter match that is still possible if the next byte differs. Only the search that ignores
    /// case uses the table; otherwise it is empty.
    fallback: Box<[u16]>,
}

impl FunctionCall {
    pub(super) fn new(function: Function, mut argument: String) -> Self {
        let (Function::StartsWith { fold }
        | Function::EndsWith { fold }
        | Function::Contains { fold }) = function;
        if fold {
            argument.make_ascii_lowercase();
        }
        let fallback = match function {
            Function::Contains { fold: true } => fallback_table(argument.as_bytes()),
            _ => Box::default(),
        };
        Self { function, argument: argument.into(), fallback }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let (bytes, word) = (text.as_bytes(), self.argument.as_bytes());
        let Some(rest) = bytes.len().checked_sub(word.len()) else { return false };
        let same = |part: &[u8], fold: bool| {
            if fold { part.eq_ignore_ascii_case(word) } else { part == word }
        };
        match self.function {
            Function::StartsWith { fold } => same(&bytes[..word.len()], fold),
            Function::EndsWith { fold } => same(&bytes[rest..], fold),
            Function::Contains { fold: false } => text.contains(&*self.argument),
            Function::Contains { fold: true } => self.search_folded(bytes),
        }
    }

    fn search_folded(&self, text: &[u8]) -> bool {
        let word = self.argument.as_bytes();
        let mut matched = 0;
        for byte in text.iter().map(u8::to_ascii_lowercase) {
            if matched == word.len() {
                break;
            }
            matched = advance(word, &self.fallback, matched, byte);
        }
        matched == word.len()
    }
}

/// The length of the match after one more byte. `matched` must be less than the length of `word`.
fn advance(word: &[u8], fallback: &[u16], mut matched: usize, byte: u8) -> usize {
    while matched > 0 && word[matched] != byte {
        matched = usize::from(fallback[matched - 1]);
    }
    matched + usize::from(word[matched] == byte)
}

/// The failure table of a word. A filter has at most 4 KiB, so all lengths fit into `u16`.
fn fallback_table(word: &[u8]) -> Box<[u16]> {
    let mut table = vec![0_u16; word.len()];
    let mut matched = 0;
    for at in 1..word.len() {
        matched = advance(word, &table, matched, word[at]);
        table[at] = matched as u16;
    }
    table.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    fn check(function: Function, word: &str, text: &str) -> bool {
        FunctionCall::new(function, word.to_owned()).matches(text)
    }

    #[test]
    fn case_matters_unless_folded() {
        assert!(check(Function::Contains { fold: true }, "RdE", "xORDEN"));
        assert!(!check(Function::Contains { fold: false }, "RdE", "xORDEN"));
        assert!(check(Function::StartsWith { fold: true }, "jA", "JaneDee"));
        assert!(!check(Function::EndsWith { fold: false }, "dee", "JaneDee"));
        assert!(check(Function::Contains { fold: true }, "", ""));
        assert!(!check(Function::Contains { fold: true }, "é", "\u{e8}"));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 20_000,
            ..ProptestConfig::with_failure_persistence(
                FileFailurePersistence::WithSource("regressions")
            )
        })]
        #[test]
        fn a_search_finds_what_std_finds(text in "[aAbé]{0,24}", word in "[aAbBé]{0,6}") {
            let (low_text, low_word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
            for (function, expected, expected_folded) in [
                (
                    (|fold| Function::Contains { fold }) as fn(bool) -> Function,
                    text.contains(&word),
                    low_text.contains(&low_word),
                ),
                (
                    |fold| Function::StartsWith { fold },
                    text.starts_with(&word),
                    low_text.starts_with(&low_word),
                ),
                (
                    |fold| Function::EndsWith { fold },
                    text.ends_with(&word),
                    low_text.ends_with(&low_word),
                ),
            ] {
                prop_assert_eq!(check(function(false), &word, &text), expected);
                prop_assert_eq!(check(function(true), &word, &text), expected_folded);
            }
        }
    }
}
