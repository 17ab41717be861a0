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
pub use ldap::{Answer, Directory, Found, Server, Tls};
pub use password_hasher::{Busy, Checked, Cost, New, PASSWORD_BYTES_MAX, Passwords, Stored, count};
pub use recovery_code::plain_recovery_code;
pub use token::{one_time_password, refresh_token, same, session_token, token_hash};
pub use totp::{Codes, Hash};
