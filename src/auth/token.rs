//! Tokens and one-time passwords: generation, hashing and comparison.

use protocol::names::{RefreshToken, SessionToken};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::platform::random_bytes;

/// Number of characters of a token.
pub const TOKEN_LENGTH: usize = 32;
/// The characters of a token.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Generates a SESSION_AUTH_TOKEN.
pub fn session_token() -> SessionToken {
    SessionToken::new(random_token())
}

/// Generates a REFRESH_AUTH_TOKEN.
pub fn refresh_token() -> RefreshToken {
    RefreshToken::new(random_token())
}

/// Generates a one-time password, which permits only a password change: 20 letters and digits.
pub fn one_time_password() -> String {
    random_token().chars().take(20).collect()
}

/// Returns the SHA-256 of a token. The store contains tokens only in this form, except for the new
/// token pair of a refresh, which is encrypted (`token_seal`).
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Whether two secrets are equal. The running time depends only on their lengths.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // Compares eight bytes at a time, because every heartbeat compares a token.
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    let chunk = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let chunks = left.iter().zip(right).fold(0, |all, (a, b)| all | (chunk(a) ^ chunk(b)));
    let rest = left_rest.iter().zip(right_rest).fold(0, |all, (a, b)| all | (a ^ b));
    (chunks | u64::from(rest)).ct_eq(&0).into()
}

/// Generates a token from six random bits per character. The two values without a character are
/// discarded, so that all characters are equally likely.
pub(crate) fn random_token() -> String {
    let mut token = String::with_capacity(TOKEN_LENGTH);
    while token.len() < TOKEN_LENGTH {
        let random = Zeroizing::new(random_bytes::<48>());
        let fitting = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        token.extend(fitting.take(TOKEN_LENGTH - token.len()).map(|byte| char::from(*byte)));
    }
    token
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_have_their_form_and_do_not_repeat() {
        let mut seen = HashSet::new();
        for _ in 0..20_000 {
            let token = session_token();
            assert_eq!(token.expose().len(), TOKEN_LENGTH);
            assert!(token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert!(seen.insert(token.expose().to_owned()));
        }
    }

    /// With 61 degrees of freedom, chi-square exceeds 130 once in a million runs.
    #[test]
    fn every_character_is_equally_likely() {
        let mut counts = [0_u32; 128];
        for _ in 0..20_000 {
            for byte in refresh_token().expose().bytes() {
                counts[usize::from(byte)] += 1;
            }
        }
        let expected = f64::from(counts.iter().sum::<u32>()) / 62.0;
        let off = |byte: &u8| (f64::from(counts[usize::from(*byte)]) - expected).powi(2) / expected;
        let chi_square: f64 = ALPHABET.iter().map(off).sum();
        assert!(chi_square < 130.0, "{chi_square}");
    }

    #[test]
    fn secrets_compare_and_hash() {
        let same = |left: &str, right: &str| constant_time_eq(left.as_bytes(), right.as_bytes());
        assert!(same("abc", "abc") && !same("abc", "abd") && !same("abc", "ab"));
        let token = "0123456789abcdef0123456789abcdef-";
        for at in 0..token.len() {
            let mut other = token.to_owned();
            other.replace_range(at..=at, "x");
            assert!(!same(token, &other) && same(&other, &other.clone()), "{at}");
        }
        assert_eq!(hash_token("abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
