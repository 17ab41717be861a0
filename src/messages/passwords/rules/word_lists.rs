//! Word list rules: restrictPassword and restrictDictionarySubstring.
//!
//! restrictPassword refuses the most common passwords. restrictDictionarySubstring refuses
//! passwords that contain a word of four or more letters, forwards or backwards. The lists and
//! their licences are in `lists/`.

use std::sync::LazyLock;

use fst::Set;
use protocol::NackCode;

use super::violation::Violation;
use crate::settings::PasswordStrength;

/// A word list. `None` if the list cannot be read: every password is refused then.
type WordList = LazyLock<Option<Set<&'static [u8]>>>;

static WORST: WordList =
    LazyLock::new(|| Set::new(&include_bytes!(concat!(env!("OUT_DIR"), "/worst.fst"))[..]).ok());
static DICTIONARY: WordList = LazyLock::new(|| {
    Set::new(&include_bytes!(concat!(env!("OUT_DIR"), "/dictionary.fst"))[..]).ok()
});

pub(super) fn check(rules: &PasswordStrength, password: &str, violations: &mut Vec<Violation>) {
    let lower = password.to_lowercase();
    if rules.restrict_password && WORST.as_ref().is_none_or(|worst| worst.contains(&lower)) {
        let text = "restrictPassword: must not be one of the most common passwords".to_owned();
        violations.push((NackCode::IllegalWord, text));
    }
    if !rules.restrict_dictionary_substring {
        return;
    }
    if contains_word(lower.bytes()) {
        let text =
            "restrictDictionarySubstring: must not contain a dictionary word of 4 or more letters"
                .to_owned();
        violations.push((NackCode::IllegalWord, text));
    }
    if contains_word(lower.bytes().rev()) {
        let text = "restrictDictionarySubstring: must not contain the reverse of a dictionary \
                    word of 4 or more letters";
        violations.push((NackCode::IllegalWordReversed, text.to_owned()));
    }
}

/// Whether the text contains a dictionary word. From each position, the search reads at most as
/// many bytes as the longest word has.
fn contains_word(bytes: impl Iterator<Item = u8>) -> bool {
    let bytes: Vec<u8> = bytes.collect();
    let Some(words) = DICTIONARY.as_ref().map(Set::as_fst) else { return true };
    (0..bytes.len()).any(|start| {
        let mut node = words.root();
        for byte in &bytes[start..] {
            let Some(at) = node.find_input(*byte) else { return false };
            node = words.node(node.transition_addr(at));
            if node.is_final() {
                return true;
            }
        }
        false
    })
}
