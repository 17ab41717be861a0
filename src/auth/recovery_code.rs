//! Recovery codes of a second factor.

use zeroize::Zeroizing;

use super::totp::{RECOVERY_CODE_ALPHABET, RECOVERY_CODE_LENGTH};
use crate::platform::random;

/// A recovery code, in groups of four.
pub fn recovery_code() -> String {
    let random = Zeroizing::new(random::random_bytes::<RECOVERY_CODE_LENGTH>());
    let letters =
        random.iter().map(|byte| char::from(RECOVERY_CODE_ALPHABET[usize::from(byte & 31)]));
    let letters: Vec<_> = letters.collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// A recovery code as it is hashed: without what people write between its signs.
pub fn normalize_recovery_code(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let plain = plain.to_ascii_uppercase();
    let known = plain.len() == RECOVERY_CODE_LENGTH
        && plain.bytes().all(|byte| RECOVERY_CODE_ALPHABET.contains(&byte));
    known.then_some(plain)
}
