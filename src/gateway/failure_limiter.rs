//! The limit of failed logins by client network: a token bucket each.
//!
//! The crate governor does not fit: only failures may cost a token, and the check before a login
//! must not take one. governor cannot look at a bucket without taking from it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::platform::ClientNetwork;
use crate::realm::Millis;
use crate::settings::ServerLimits;
/// Addresses that are remembered; beyond, full buckets are forgotten.
const ADDRESSES_MAX: usize = 100_000;
const MINUTE_MS: Millis = 60_000;
/// Full buckets are looked for at this distance.
const SWEEP_MS: Millis = 1_000;

/// Counts failures by address; successes are free.
#[derive(Debug, Default)]
pub struct FailureLimiter {
    /// When the bucket of an address will be full again.
    full_at: DashMap<ClientNetwork, Millis>,
    /// When full buckets were forgotten last.
    swept_at: AtomicU64,
}

impl FailureLimiter {
    /// Whether an address may try now, else after how many milliseconds.
    pub fn check(&self, limits: &ServerLimits, address: IpAddr, now: Millis) -> Result<(), Millis> {
        let Some(cost) = cost_ms(limits, address) else { return Ok(()) };
        let full_at = self.full_at.get(&address.into()).map_or(now, |full_at| *full_at);
        match (full_at + cost).saturating_sub(now + MINUTE_MS) {
            0 => Ok(()),
            wait => Err(wait),
        }
    }

    /// A login from this address failed.
    pub fn record_failure(&self, limits: &ServerLimits, address: IpAddr, now: Millis) {
        let Some(cost) = cost_ms(limits, address) else { return };
        if self.full_at.len() >= ADDRESSES_MAX {
            // Looking through all of them for every failure would be an attack of its own.
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

/// What one failure takes out of a bucket of a minute; none: no limit holds.
fn cost_ms(limits: &ServerLimits, address: IpAddr) -> Option<Millis> {
    let per_minute = Millis::from(limits.failed_logins_per_min_per_address);
    (per_minute > 0 && !limits.is_exempt(address)).then(|| MINUTE_MS / per_minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_limited_and_come_back_with_time() {
        let (limiter, here) = (FailureLimiter::default(), IpAddr::from([127, 0, 0, 2]));
        let limits =
            ServerLimits { failed_logins_per_min_per_address: 20, ..ServerLimits::default() };
        for _ in 0..20 {
            assert_eq!(limiter.check(&limits, here, 1_000), Ok(()));
            limiter.record_failure(&limits, here, 1_000);
        }
        assert_eq!(limiter.check(&limits, here, 1_000), Err(3_000));
        assert_eq!(limiter.check(&limits, IpAddr::from([127, 0, 0, 3]), 1_000), Ok(()));
        assert_eq!(limiter.check(&limits, here, 4_000), Ok(()));
    }
}
