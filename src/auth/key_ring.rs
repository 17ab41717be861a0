//! The key ring that encrypts the secrets of second factors before they reach a command.
//!
//! The key ring uses ChaCha20-Poly1305 with a new nonce for each secret. The ciphertext is bound to
//! the user.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::platform::random;

const INFO: &[u8] = b"tollgate second factors 1";
const ID_LENGTH: usize = 4;
const NONCE_LENGTH: usize = 12;
/// Name of the key file, which is created at first use.
pub const KEY_FILE: &str = "mfa.key";

/// The current key, with which secrets are encrypted, and earlier keys.
pub struct Keyring {
    current: CipherKey,
    earlier: Vec<CipherKey>,
    /// The key for hashes of user names. Each secret is bound to the hash of its user's name.
    salt: Zeroizing<String>,
}

struct CipherKey {
    /// Identifies the key in the ciphertext.
    id: [u8; ID_LENGTH],
    cipher: ChaCha20Poly1305,
}

/// A decrypted secret.
pub struct Decrypted {
    /// The secret.
    pub secret: Zeroizing<Vec<u8>>,
    /// Whether the secret was encrypted with an earlier key.
    pub is_earlier_key: bool,
}

/// Why the key ring cannot be opened.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the error texts describe the variants")]
pub enum KeyError {
    #[error("the key file {path} cannot be used: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the key file {path} can be read by others (mode {mode:o}); chmod 600 it")]
    Open { path: PathBuf, mode: u32 },
    #[error("the key file {path} does not contain a key of 64 hexadecimal digits")]
    Form { path: PathBuf },
}

impl Keyring {
    /// Opens the key ring of the configured keys. If `current` is empty, the key in the key file in
    /// `dir` is the current key; a missing file is created. If `current` is empty and `dir` is
    /// `None` (the store is not persistent), a key is generated and not saved. If `current` is not
    /// empty, the key in an existing key file is an earlier key. `salt` is the key for hashes of
    /// user names.
    pub fn open(
        current: &str,
        earlier: &[&str],
        salt: &str,
        dir: Option<&Path>,
    ) -> Result<Self, KeyError> {
        let path = dir.map(|dir| dir.join(KEY_FILE));
        let is_there = path.as_ref().is_some_and(|path| path.exists());
        let of_file = match &path {
            Some(path) if current.is_empty() || is_there => Some(CipherKey::from_file(path)?),
            _ => None,
        };
        let mut earlier: Vec<_> =
            earlier.iter().map(|text| CipherKey::derive(text.as_bytes())).collect();
        let current = match (current, of_file) {
            ("", Some(key)) => key,
            ("", None) => CipherKey::derive(&random::random_bytes::<32>()),
            (text, of_file) => {
                // Secrets that were encrypted before a key was configured can still be decrypted.
                earlier.extend(of_file);
                CipherKey::derive(text.as_bytes())
            }
        };
        Ok(Self { current, earlier, salt: Zeroizing::new(salt.to_owned()) })
    }

    /// Encrypts a secret, bound to the user's name (case-insensitive) and number.
    pub fn encrypt(&self, name: &str, number: u32, secret: &[u8]) -> Arc<str> {
        let nonce = random::random_bytes::<NONCE_LENGTH>();
        let associated_data = self.associated_data(name, number);
        let payload = Payload { msg: secret, aad: &associated_data };
        let Ok(encrypted) = self.current.cipher.encrypt(&nonce.into(), payload) else {
            unreachable!("ChaCha20-Poly1305 encrypts up to 256 GiB");
        };
        STANDARD_NO_PAD.encode([&self.current.id[..], &nonce, &encrypted].concat()).into()
    }

    /// Decrypts the result of [`Keyring::encrypt`]. `None` if no key of the ring decrypts the
    /// secret, or if the secret belongs to another user.
    pub fn decrypt(&self, name: &str, number: u32, encrypted: &str) -> Option<Decrypted> {
        let bytes = STANDARD_NO_PAD.decode(encrypted).ok()?;
        let (id, rest) = bytes.split_first_chunk::<ID_LENGTH>()?;
        let (nonce, encrypted) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        let associated_data = self.associated_data(name, number);
        let decrypt_with = |key: &CipherKey| {
            let payload = Payload { msg: encrypted, aad: &associated_data };
            key.cipher.decrypt(&Nonce::from(*nonce), payload).ok().map(Zeroizing::new)
        };
        let earlier = self.earlier.iter().map(|key| (key, true));
        let mut keys = [(&self.current, false)].into_iter().chain(earlier);
        keys.find_map(|(key, is_earlier_key)| {
            let secret = (key.id == *id).then(|| decrypt_with(key)).flatten()?;
            Some(Decrypted { secret, is_earlier_key })
        })
    }

    /// Returns the associated data that binds a ciphertext to its user: a keyed hash of the name,
    /// and the number.
    fn associated_data(&self, name: &str, number: u32) -> Vec<u8> {
        let name = name.to_ascii_lowercase();
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.salt.as_bytes()) else {
            unreachable!("HMAC accepts a key of any length");
        };
        mac.update(name.as_bytes());
        [&mac.finalize().into_bytes()[..], &number.to_be_bytes()].concat()
    }
}

impl CipherKey {
    fn derive(text: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let Ok(()) = Hkdf::<Sha256>::new(None, text).expand(INFO, key.as_mut()) else {
            unreachable!("HKDF-SHA256 produces up to 8,160 bytes");
        };
        let digest: [u8; 32] = Sha256::digest(key.as_ref()).into();
        let mut id = [0; ID_LENGTH];
        id.copy_from_slice(&digest[..ID_LENGTH]);
        Self { id, cipher: ChaCha20Poly1305::new(&(*key).into()) }
    }

    fn from_file(path: &Path) -> Result<Self, KeyError> {
        let broken = |source| KeyError::File { path: path.to_owned(), source };
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let random = Zeroizing::new(hex::encode(random::random_bytes::<32>()));
                file.write_all(format!("{}\n", *random).as_bytes()).map_err(broken)?;
                // The key and its directory entry must be on the disk before the first secret is
                // encrypted with it.
                file.sync_all().map_err(broken)?;
                let dir = path.parent().map(std::fs::File::open).transpose().map_err(broken)?;
                dir.map(|dir| dir.sync_all()).transpose().map_err(broken)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(broken(error)),
        }
        let mode = std::fs::metadata(path).map_err(broken)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(broken)?);
        let text = text.trim();
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self::derive(text.as_bytes()))
        } else {
            Err(KeyError::Form { path: path.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(current: &str, earlier: &[&str]) -> Keyring {
        Keyring::open(current, earlier, "salt", None).unwrap()
    }

    fn decrypted(ring: &Keyring, name: &str, encrypted: &str) -> Option<(Vec<u8>, bool)> {
        ring.decrypt(name, 7, encrypted).map(|it| (it.secret.to_vec(), it.is_earlier_key))
    }

    #[test]
    fn a_secret_decrypts_for_its_user_only_and_never_looks_the_same_twice() {
        let ring = ring("a key", &[]);
        let encrypted = ring.encrypt("Jane", 7, b"secret");
        assert_eq!(decrypted(&ring, "jane", &encrypted), Some((b"secret".to_vec(), false)));
        assert_eq!(decrypted(&ring, "joe", &encrypted), None);
        assert!(ring.decrypt("jane", 8, &encrypted).is_none());
        assert_ne!(ring.encrypt("jane", 7, b"secret"), encrypted);
        let other_salt = Keyring::open("a key", &[], "pepper", None).unwrap();
        assert_eq!(decrypted(&other_salt, "jane", &encrypted), None);
        for position in 0..encrypted.len() {
            let mut changed = encrypted.to_string().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of unpadded base64 has unused bits.
            assert!(
                position == encrypted.len() - 1 || decrypted(&ring, "jane", &changed).is_none()
            );
        }
    }

    #[test]
    fn keys_can_be_changed_and_earlier_ones_decrypt_what_they_encrypted() {
        let encrypted = ring("old", &[]).encrypt("jane", 7, b"secret");
        assert_eq!(decrypted(&ring("new", &[]), "jane", &encrypted), None);
        let both = ring("new", &["older", "old"]);
        assert_eq!(decrypted(&both, "jane", &encrypted), Some((b"secret".to_vec(), true)));
    }

    #[test]
    fn the_key_file_is_created_once_is_private_and_stays_valid() {
        let dir = tempfile::tempdir().unwrap();
        let open = |key: &str| Keyring::open(key, &[], "", Some(dir.path()));
        let encrypted = open("").unwrap().encrypt("jane", 7, b"secret");
        let path = dir.path().join(KEY_FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(decrypted(&open("").unwrap(), "jane", &encrypted).unwrap().0, b"secret");
        let configured = open("now from the configuration").unwrap();
        assert_eq!(decrypted(&configured, "jane", &encrypted), Some((b"secret".to_vec(), true)));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(open(""), Err(KeyError::Open { mode: 0o644, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "too short").unwrap();
        assert!(matches!(open(""), Err(KeyError::Form { .. })));
    }
}
