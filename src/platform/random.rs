//! Randomness: all that must not be guessed, drawn from the generator of the operating system.
//!
//! Each draw panics if that generator fails: nothing can be promised without it.

use rand::Rng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use uuid::Uuid;
/// The characters of a token.
pub const TOKEN_LENGTH: usize = 32;
pub(crate) const ALPHABET: &[u8; 62] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A new SESSION_ID.
pub fn session_id() -> Uuid {
    Uuid::new_v4()
}

/// The id of a new log entry.
pub fn entry_id() -> u128 {
    u128::from_le_bytes(random_bytes())
}

/// What the log and a client may both call a fault: eight hexadecimal digits.
pub fn incident_id() -> String {
    format!("{:08x}", u32::from_le_bytes(random_bytes()))
}

/// Random bytes.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    bytes
}

/// From 0 to `max_ms`: those who were refused together must not come back together.
pub fn jitter(max_ms: u64) -> u64 {
    rand::random_range(0..=max_ms)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::auth::{constant_time_eq, hash_token, refresh_token, session_token};

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

    /// 61 degrees of freedom: above 130 once in a million runs.
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
    fn ids_differ() {
        assert_ne!(session_id(), session_id());
        assert_ne!(entry_id(), entry_id());
        assert_eq!(session_id().get_version_num(), 4);
        assert_eq!(incident_id().len(), 8);
    }

    #[test]
    fn a_spread_stays_within_its_limit() {
        assert_eq!(jitter(0), 0);
        assert!((0..1_000).all(|_| jitter(7) <= 7));
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
