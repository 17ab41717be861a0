//! Calls on a field, `FIELD.contains('x')` and its kin, in time linear in the text.

/// What a call asks of a text. `fold`: ASCII case does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    StartsWith { fold: bool },
    EndsWith { fold: bool },
    Contains { fold: bool },
}

/// A question and the word that it is about.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    question: Question,
    /// In lower case where the question folds.
    word: Box<str>,
    /// For each length of a match, the longest shorter one that is still possible when the next
    /// byte differs (Knuth, Morris and Pratt). Only a folding search has one: std does the other.
    shorter: Box<[u16]>,
}

impl Call {
    pub(super) fn new(question: Question, mut word: String) -> Self {
        let (Question::StartsWith { fold }
        | Question::EndsWith { fold }
        | Question::Contains { fold }) = question;
        if fold {
            word.make_ascii_lowercase();
        }
        let shorter = match question {
            Question::Contains { fold: true } => shorter(word.as_bytes()),
            _ => Box::default(),
        };
        Self { question, word: word.into(), shorter }
    }

    pub(super) fn holds(&self, text: &str) -> bool {
        let (bytes, word) = (text.as_bytes(), self.word.as_bytes());
        let Some(room) = bytes.len().checked_sub(word.len()) else { return false };
        let same = |part: &[u8], fold: bool| {
            if fold { part.eq_ignore_ascii_case(word) } else { part == word }
        };
        match self.question {
            Question::StartsWith { fold } => same(&bytes[..word.len()], fold),
            Question::EndsWith { fold } => same(&bytes[room..], fold),
            Question::Contains { fold: false } => text.contains(&*self.word),
            Question::Contains { fold: true } => self.folded_search(bytes),
        }
    }

    fn folded_search(&self, text: &[u8]) -> bool {
        let word = self.word.as_bytes();
        let mut matched = 0;
        for byte in text.iter().map(u8::to_ascii_lowercase) {
            if matched == word.len() {
                break;
            }
            matched = grown(word, &self.shorter, matched, byte);
        }
        matched == word.len()
    }
}

/// The length of the match after one more byte; `matched` is less than the word.
fn grown(word: &[u8], shorter: &[u16], mut matched: usize, byte: u8) -> usize {
    while matched > 0 && word[matched] != byte {
        matched = usize::from(shorter[matched - 1]);
    }
    matched + usize::from(word[matched] == byte)
}

/// The table of a word; a filter is no longer than 4 KiB, so that its lengths fit.
fn shorter(word: &[u8]) -> Box<[u16]> {
    let mut table = vec![0_u16; word.len()];
    let mut matched = 0;
    for at in 1..word.len() {
        matched = grown(word, &table, matched, word[at]);
        table[at] = matched as u16;
    }
    table.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    fn check(question: Question, word: &str, text: &str) -> bool {
        Call::new(question, word.to_owned()).holds(text)
    }

    #[test]
    fn case_counts_unless_it_is_folded() {
        assert!(check(Question::Contains { fold: true }, "RdE", "xORDEN"));
        assert!(!check(Question::Contains { fold: false }, "RdE", "xORDEN"));
        assert!(check(Question::StartsWith { fold: true }, "jA", "JaneDee"));
        assert!(!check(Question::EndsWith { fold: false }, "dee", "JaneDee"));
        assert!(check(Question::Contains { fold: true }, "", ""));
        assert!(!check(Question::Contains { fold: true }, "é", "\u{e8}"));
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
            for (question, wanted, wanted_folded) in [
                (
                    (|fold| Question::Contains { fold }) as fn(bool) -> Question,
                    text.contains(&word),
                    low_text.contains(&low_word),
                ),
                (
                    |fold| Question::StartsWith { fold },
                    text.starts_with(&word),
                    low_text.starts_with(&low_word),
                ),
                (
                    |fold| Question::EndsWith { fold },
                    text.ends_with(&word),
                    low_text.ends_with(&low_word),
                ),
            ] {
                prop_assert_eq!(check(question(false), &word, &text), wanted);
                prop_assert_eq!(check(question(true), &word, &text), wanted_folded);
            }
        }
    }
}
