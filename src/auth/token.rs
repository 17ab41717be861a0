//! Tokens and one-time passwords: generation, hashing and comparison.

use protocol::names::{RefreshToken, SessionToken};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::platform::{ALPHABET, TOKEN_LENGTH, random_bytes};
/// A new SESSION_AUTH_TOKEN.
pub fn session_token() -> SessionToken {
    SessionToken::new(random_token())
}

/// A new REFRESH_AUTH_TOKEN.
pub fn refresh_token() -> RefreshToken {
    RefreshToken::new(random_token())
}

/// A password that a person types once: 20 letters and digits.
pub fn one_time_password() -> String {
    random_token().chars().take(20).collect()
}

/// The SHA-256 of a token, which is all that the store may know of it.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Whether two secrets are the same, in a time that tells only their lengths.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // Eight bytes at a time: a heartbeat compares one.
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    let chunk = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    let chunks = left.iter().zip(right).fold(0, |all, (a, b)| all | (chunk(a) ^ chunk(b)));
    let rest = left_rest.iter().zip(right_rest).fold(0, |all, (a, b)| all | (a ^ b));
    (chunks | u64::from(rest)).ct_eq(&0).into()
}

/// Six bits a character; the two values beyond the alphabet are thrown away, which leaves the
/// others equally likely.
pub(crate) fn random_token() -> String {
    let mut token = String::with_capacity(TOKEN_LENGTH);
    while token.len() < TOKEN_LENGTH {
        let random = Zeroizing::new(random_bytes::<48>());
        let fitting = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        token.extend(fitting.take(TOKEN_LENGTH - token.len()).map(|byte| char::from(*byte)));
    }
    token
}
