//! Limit of failed logins, with a token bucket for each client network.
//!
//! Self-service password resets have a limiter of the same type: each request counts as a failure.
//!
//! The crate governor does not fit: it cannot check a bucket without taking a token. The check
//! before a login must not take a token, because only failures take tokens.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::platform::ClientNetwork;
use crate::realm::Millis;
use crate::settings::ServerLimits;

/// Maximum number of buckets. When it is reached, full buckets are removed, at most once in
/// `SWEEP_MS`. While the maximum is reached, failures are not counted.
const ADDRESSES_MAX: usize = 100_000;
/// Number of tokens in a full bucket. One token is added every millisecond.
const MINUTE_MS: Millis = 60_000;
/// Minimum time between two searches for full buckets.
const SWEEP_MS: Millis = 1_000;

/// The failure limiter: a bucket for each client network. Only failures take tokens.
#[derive(Debug, Default)]
pub struct FailureLimiter {
    /// When the bucket of a client network will be full again, epoch ms. A bucket without an entry
    /// is full.
    full_at: DashMap<ClientNetwork, Millis>,
    /// When full buckets were last removed, epoch ms.
    swept_at: AtomicU64,
}

impl FailureLimiter {
    /// Checks that an attempt from this address is allowed now; the error is the wait in
    /// milliseconds.
    pub fn check(&self, limits: &ServerLimits, address: IpAddr, now: Millis) -> Result<(), Millis> {
        let Some(cost) = cost_ms(limits, address) else { return Ok(()) };
        let full_at = self.full_at.get(&address.into()).map_or(now, |full_at| *full_at);
        match (full_at + cost).saturating_sub(now + MINUTE_MS) {
            0 => Ok(()),
            wait => Err(wait),
        }
    }

    /// Counts a failure from this address.
    pub fn record_failure(&self, limits: &ServerLimits, address: IpAddr, now: Millis) {
        let Some(cost) = cost_ms(limits, address) else { return };
        if self.full_at.len() >= ADDRESSES_MAX {
            // Scanning all buckets at every failure would invite denial-of-service attacks.
            if self.swept_at.fetch_max(now, Ordering::AcqRel) + SWEEP_MS <= now {
                self.full_at.retain(|_, full_at| *full_at > now);
            }
            if self.full_at.len() >= ADDRESSES_MAX {
                return;
            }
        }
        let mut full_at = self.full_at.entry(address.into()).or_insert(now);
        *full_at = (*full_at).max(now) + cost;
    }
}

/// Returns the number of tokens that one failure takes; `None` if the address is not limited.
fn cost_ms(limits: &ServerLimits, address: IpAddr) -> Option<Millis> {
    let per_minute = Millis::from(limits.failed_logins_per_min_per_address);
    (per_minute > 0 && !limits.is_exempt(address)).then(|| MINUTE_MS / per_minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_limited_and_forgotten_with_time() {
        let (limiter, address) = (FailureLimiter::default(), IpAddr::from([127, 0, 0, 2]));
        let limits =
            ServerLimits { failed_logins_per_min_per_address: 20, ..ServerLimits::default() };
        for _ in 0..20 {
            assert_eq!(limiter.check(&limits, address, 1_000), Ok(()));
            limiter.record_failure(&limits, address, 1_000);
        }
        assert_eq!(limiter.check(&limits, address, 1_000), Err(3_000));
        assert_eq!(limiter.check(&limits, IpAddr::from([127, 0, 0, 3]), 1_000), Ok(()));
        assert_eq!(limiter.check(&limits, address, 4_000), Ok(()));
    }
}
