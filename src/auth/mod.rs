//! Proofs of identity: password hashing, LDAP, TOTP, tokens and the key ring.

pub mod key_ring;
pub mod ldap;
pub mod password_hasher;
pub mod qr_code;
pub mod recovery_code;
pub mod token;
pub mod token_seal;
pub mod totp;
