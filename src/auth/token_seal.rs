//! Encryption of a new token pair that only the old refresh token can decrypt.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use hkdf::Hkdf;
use protocol::names::RefreshToken;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::platform::random;

const INFO: &[u8] = b"tollgate refresh grace 1";
const NONCE_LENGTH: usize = 12;

/// Encrypts `plaintext` with a key derived from `old_refresh`, the rotated refresh token. The
/// result is bound to the user name (case-insensitive). It begins with a random nonce, so that the
/// same pair may be encrypted more than once.
pub fn encrypt(old_refresh: &RefreshToken, user: &str, plaintext: &[u8]) -> Vec<u8> {
    let nonce = random::random_bytes::<NONCE_LENGTH>();
    let user = user.to_ascii_lowercase();
    let payload = Payload { msg: plaintext, aad: user.as_bytes() };
    let Ok(encrypted) = cipher(old_refresh).encrypt(&nonce.into(), payload) else {
        unreachable!("ChaCha20-Poly1305 encrypts up to 256 GiB");
    };
    [&nonce[..], &encrypted].concat()
}

/// Decrypts the result of [`encrypt`]; `None` if the token or the user differs from those given to
/// [`encrypt`], or if the result was altered.
pub fn decrypt(old_refresh: &RefreshToken, user: &str, encrypted: &[u8]) -> Option<Vec<u8>> {
    let (nonce, encrypted) = encrypted.split_first_chunk::<NONCE_LENGTH>()?;
    let user = user.to_ascii_lowercase();
    let payload = Payload { msg: encrypted, aad: user.as_bytes() };
    cipher(old_refresh).decrypt(&Nonce::from(*nonce), payload).ok()
}

fn cipher(old_refresh: &RefreshToken) -> ChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(None, old_refresh.expose().as_bytes());
    let Ok(()) = hkdf.expand(INFO, key.as_mut()) else {
        unreachable!("HKDF-SHA256 produces up to 8,160 bytes");
    };
    ChaCha20Poly1305::new(&(*key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &[u8] = b"a session token and a refresh token";

    #[test]
    fn the_old_token_decrypts_the_pair_for_its_user() {
        let old = crate::auth::token::refresh_token();
        let encrypted = encrypt(&old, "JaneDee", PAIR);
        assert_eq!(decrypt(&old, "janedee", &encrypted).as_deref(), Some(PAIR));
        assert_eq!(decrypt(&old, "johndee", &encrypted), None);
        assert_eq!(decrypt(&crate::auth::token::refresh_token(), "janedee", &encrypted), None);
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let old = crate::auth::token::refresh_token();
        let encrypted = encrypt(&old, "jane", PAIR);
        for position in 0..encrypted.len() {
            let mut changed = encrypted.clone();
            changed[position] ^= 1;
            assert_eq!(decrypt(&old, "jane", &changed), None, "{position}");
            assert_eq!(decrypt(&old, "jane", &encrypted[..position]), None, "{position}");
        }
    }

    #[test]
    fn the_same_pair_is_encrypted_differently_each_time() {
        let old = crate::auth::token::refresh_token();
        assert_ne!(encrypt(&old, "jane", PAIR), encrypt(&old, "jane", PAIR));
    }
}
