//! Random values: ids, secrets and salts from the operating system, and jitter.
//!
//! Generating ids and secrets panics if the operating system's generator fails: guessable values
//! would be unsafe.

use rand::Rng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use uuid::Uuid;

/// Generates a SESSION_ID.
pub fn session_id() -> Uuid {
    Uuid::new_v4()
}

/// Generates the id of an entry of the command log.
pub fn entry_id() -> u128 {
    u128::from_le_bytes(random_bytes())
}

/// Generates the id of an incident: eight hexadecimal digits, which are both in the log and in the
/// NACK.
pub fn incident_id() -> String {
    format!("{:08x}", u32::from_le_bytes(random_bytes()))
}

/// Generates random bytes that cannot be guessed.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    UnwrapErr(SysRng).fill_bytes(&mut bytes);
    bytes
}

/// Returns a random number from 0 to `max_ms`, so that clients that were refused together do not
/// retry together.
pub fn jitter(max_ms: u64) -> u64 {
    rand::random_range(0..=max_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ() {
        assert_ne!(session_id(), session_id());
        assert_ne!(entry_id(), entry_id());
        assert_eq!(session_id().get_version_num(), 4);
        assert_eq!(incident_id().len(), 8);
    }

    #[test]
    fn jitter_stays_within_its_limit() {
        assert_eq!(jitter(0), 0);
        assert!((0..1_000).all(|_| jitter(7) <= 7));
    }
}
