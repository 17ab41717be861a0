//! Proofs of identity: password hashing, LDAP, TOTP, tokens and the key ring.

mod key_ring;
mod ldap;
mod password_hasher;
mod qr_code;
pub mod recovery_code;
mod token;
pub mod token_seal;
pub mod totp;

pub use key_ring::{KeyError, Keyring};
pub use ldap::{DirectoryClient, DirectoryUser, LdapResult, LdapServer, TlsMode};
pub use password_hasher::{
    Cost, HashUnavailable, NewHash, PASSWORD_BYTES_MAX, PasswordHasher, PasswordMatch, StoredHash,
    thread_count,
};
pub use recovery_code::normalize_recovery_code;
pub use token::{
    TOKEN_LENGTH, constant_time_eq, hash_token, one_time_password, refresh_token, session_token,
};
pub use totp::{TotpAlgorithm, TotpConfig};
