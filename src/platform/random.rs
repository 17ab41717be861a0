//! Randomness: all that must not be guessed, drawn from the generator of the operating system.
//!
//! Each draw panics if that generator fails: nothing can be promised without it.

use rand::Rng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use uuid::Uuid;

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
    use super::*;

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
}
