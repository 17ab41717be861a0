//! Recovery codes of a second factor.

use zeroize::Zeroizing;

use super::totp::{ALPHABET, LENGTH};
use crate::platform::random;

/// A recovery code, in groups of four.
pub fn recovery_code() -> String {
    let drawn = Zeroizing::new(random::random_bytes::<LENGTH>());
    let signs = drawn.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    let signs: Vec<_> = signs.collect();
    signs.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// A recovery code as it is hashed: without what people write between its signs.
pub fn plain_recovery_code(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let plain = plain.to_ascii_uppercase();
    let known = plain.len() == LENGTH && plain.bytes().all(|byte| ALPHABET.contains(&byte));
    known.then_some(plain)
}
