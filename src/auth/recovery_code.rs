//! Recovery codes of a second factor.

use zeroize::Zeroizing;

use crate::platform::random;

/// Letters and digits that are not easily confused.
const RECOVERY_CODE_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Number of characters of a recovery code, which has 80 random bits.
const RECOVERY_CODE_LENGTH: usize = 16;

/// Generates a recovery code, in the form that is hashed.
pub fn recovery_code() -> String {
    let random = Zeroizing::new(random::random_bytes::<RECOVERY_CODE_LENGTH>());
    random.iter().map(|byte| char::from(RECOVERY_CODE_ALPHABET[usize::from(byte & 31)])).collect()
}

/// Returns a recovery code in the form that is shown to its user: in groups of four.
pub fn format_recovery_code(code: &str) -> String {
    let letters: Vec<_> = code.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Returns a recovery code in the form that is hashed: in upper case, without hyphens and spaces.
/// `None` if the text does not have the form of a recovery code.
pub fn normalize_recovery_code(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let plain = plain.to_ascii_uppercase();
    let known = plain.len() == RECOVERY_CODE_LENGTH
        && plain.bytes().all(|byte| RECOVERY_CODE_ALPHABET.contains(&byte));
    known.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_are_read_as_people_write_them() {
        let plain = recovery_code();
        let code = format_recovery_code(&plain);
        assert_eq!((plain.len(), code.len()), (16, 19));
        assert_eq!(normalize_recovery_code(&code), Some(plain.clone()));
        assert_eq!(normalize_recovery_code(&code.to_lowercase().replace('-', " ")), Some(plain));
        for wrong in ["", "123456", "ABCD-EFGH-JKLM-NPQ1", "ABCD-EFGH-JKLM-NPQRS"] {
            assert_eq!(normalize_recovery_code(wrong), None, "{wrong}");
        }
    }
}
