//! restrictPassword: the worst passwords; restrictDictionarySubstring: words of four and more
//! letters in the password, forwards or backwards. Lists and licences: `lists/`.

use std::sync::LazyLock;

use fst::Set;
use protocol::NackCode;

use super::violation::Violation;
use crate::settings::PasswordStrength;

/// None: it cannot be read, and then every password is in it.
type WordList = LazyLock<Option<Set<&'static [u8]>>>;

static WORST: WordList =
    LazyLock::new(|| Set::new(&include_bytes!(concat!(env!("OUT_DIR"), "/worst.fst"))[..]).ok());
static DICTIONARY: WordList = LazyLock::new(|| {
    Set::new(&include_bytes!(concat!(env!("OUT_DIR"), "/dictionary.fst"))[..]).ok()
});

pub(super) fn check(rules: &PasswordStrength, password: &str, violations: &mut Vec<Violation>) {
    let lower = password.to_lowercase();
    if rules.restrict_password && WORST.as_ref().is_none_or(|worst| worst.contains(&lower)) {
        let text = "restrictPassword: not one of the worst passwords".to_owned();
        violations.push((NackCode::IllegalWord, text));
    }
    if !rules.restrict_dictionary_substring {
        return;
    }
    if contains_word(lower.bytes()) {
        let text = "restrictDictionarySubstring: no word of 4 or more letters".to_owned();
        violations.push((NackCode::IllegalWord, text));
    }
    if contains_word(lower.bytes().rev()) {
        let text = "restrictDictionarySubstring: no word of 4 or more letters backwards".to_owned();
        violations.push((NackCode::IllegalWordReversed, text));
    }
}

/// Walks the dictionary from every place: as many steps as the longest word has letters.
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
