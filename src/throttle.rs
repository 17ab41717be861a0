//! Failed logins by address: a token bucket each, so that guessing is slow from wherever it comes.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::outside::source::Source;
use crate::realm::Millis;
use crate::settings::AddressRange;

/// Addresses that are remembered; beyond, full buckets are forgotten.
const ADDRESSES_MAX: usize = 100_000;
const MINUTE_MS: Millis = 60_000;
/// Full buckets are looked for at this distance.
const SWEEP_MS: Millis = 1_000;

/// Counts failures by address; successes are free.
#[derive(Debug)]
pub struct Throttle {
    per_minute: u32,
    exempt: Vec<AddressRange>,
    /// When the bucket of an address will be full again.
    full_at: DashMap<Source, Millis>,
    /// When full buckets were forgotten last.
    swept_at: AtomicU64,
}

impl Throttle {
    /// Allows `per_minute` failures a minute (0: any number) but to `exempt` addresses.
    pub fn new(per_minute: u32, exempt: Vec<AddressRange>) -> Self {
        Self { per_minute, exempt, full_at: DashMap::new(), swept_at: AtomicU64::new(0) }
    }

    /// Whether an address may try now, else after how many milliseconds.
    pub fn admits(&self, address: IpAddr, now: Millis) -> Result<(), Millis> {
        if self.per_minute == 0 || self.is_exempt(address) {
            return Ok(());
        }
        let full_at = self.full_at.get(&address.into()).map_or(now, |full_at| *full_at);
        match (full_at + self.price()).saturating_sub(now + MINUTE_MS) {
            0 => Ok(()),
            wait => Err(wait),
        }
    }

    /// A login from this address failed.
    pub fn failed(&self, address: IpAddr, now: Millis) {
        if self.per_minute == 0 || self.is_exempt(address) {
            return;
        }
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
        *full_at = (*full_at).max(now) + self.price();
    }

    /// Whether no limit by address holds for it.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|range| range.contains(address))
    }

    fn price(&self) -> Millis {
        MINUTE_MS / Millis::from(self.per_minute.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_limited_and_come_back_with_time() {
        let (throttle, here) = (Throttle::new(20, Vec::new()), IpAddr::from([127, 0, 0, 2]));
        for _ in 0..20 {
            assert_eq!(throttle.admits(here, 1_000), Ok(()));
            throttle.failed(here, 1_000);
        }
        assert_eq!(throttle.admits(here, 1_000), Err(3_000));
        assert_eq!(throttle.admits(IpAddr::from([127, 0, 0, 3]), 1_000), Ok(()));
        assert_eq!(throttle.admits(here, 4_000), Ok(()));
    }
}
