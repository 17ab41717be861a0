//! Limit of failed logins, with a token bucket for each client network.
//!
//! An attempt reserves its token before its result is known, and gives the token back if it did not
//! fail. Attempts in parallel therefore cannot exceed the limit. Self-service password resets have
//! a limiter of the same type: each request counts as a failure.
//!
//! The crate governor does not fit: it cannot give a token back.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use tokio::sync::Notify;

use crate::platform::ClientNetwork;
use crate::realm::Millis;
use crate::settings::ServerLimits;

/// Maximum number of buckets. When it is reached, unused buckets are removed, at most once in
/// `SWEEP_MS`. While the maximum is reached, failures of other networks are not counted.
const ADDRESSES_MAX: usize = 100_000;
/// Number of tokens in a full bucket. One token is added every millisecond.
const MINUTE_MS: Millis = 60_000;
/// Minimum time between two searches for unused buckets.
const SWEEP_MS: Millis = 1_000;

/// The failure limiter: a bucket for each client network. Only failures take tokens for good.
#[derive(Debug, Default)]
pub struct FailureLimiter {
    /// A client network without a bucket has a full one.
    buckets: DashMap<ClientNetwork, Bucket>,
    /// When unused buckets were last removed, epoch ms.
    swept_at: AtomicU64,
}

#[derive(Debug, Default)]
struct Bucket {
    /// When the bucket will be full again if no further attempt fails, epoch ms.
    full_at: Millis,
    /// Number of attempts whose results are not known yet.
    reserved: u64,
    /// Notified when such an attempt ends.
    ended: Arc<Notify>,
}

/// Whether an attempt is allowed now.
#[derive(Debug)]
pub enum Admission<'a> {
    /// The attempt is allowed.
    Reserved(Reservation<'a>),
    /// So many attempts are in progress that the limit would be exceeded if all of them failed. The
    /// notification wakes one of those who wait. An attempt that then gives up must pass the
    /// notification on.
    Waits(Arc<Notify>),
    /// The limit is reached for this many milliseconds.
    Refused(Millis),
}

/// An attempt whose result is not known yet. Dropping it means that the attempt did not fail.
#[derive(Debug)]
pub struct Reservation<'a> {
    /// The limiter and the network of the attempt; `None` if the network is not limited.
    bucket: Option<(&'a FailureLimiter, ClientNetwork)>,
    /// When the attempt failed.
    failed_at: Option<Millis>,
    cost: Millis,
    reserved_at: Millis,
}

impl Bucket {
    fn record_failure(&mut self, cost: Millis, now: Millis) {
        // More than one minute of debt would punish the clients of a network that share its
        // address with an attacker.
        self.full_at = (self.full_at.max(now) + cost).min(now + MINUTE_MS);
    }

    /// Whether the bucket is full, and no attempt uses it.
    fn is_unused(&self, now: Millis) -> bool {
        self.full_at <= now && self.reserved == 0 && Arc::strong_count(&self.ended) == 1
    }
}

impl FailureLimiter {
    /// Checks that an attempt from this address is allowed now; the error is the wait in
    /// milliseconds.
    pub fn check(&self, limits: &ServerLimits, address: IpAddr, now: Millis) -> Result<(), Millis> {
        let Some(cost) = cost_ms(limits, address) else { return Ok(()) };
        let full_at = self.buckets.get(&address.into()).map_or(now, |bucket| bucket.full_at);
        match (full_at + cost).saturating_sub(now + MINUTE_MS) {
            0 => Ok(()),
            wait => Err(wait),
        }
    }

    /// Reserves a token for an attempt from this address.
    pub fn reserve(&self, limits: &ServerLimits, address: IpAddr, now: Millis) -> Admission<'_> {
        let network = address.into();
        let unlimited = Reservation { bucket: None, failed_at: None, cost: 0, reserved_at: now };
        let Some(cost) = cost_ms(limits, address).filter(|_| self.has_room(network, now)) else {
            return Admission::Reserved(unlimited);
        };
        let mut bucket = self.buckets.entry(network).or_default();
        let debt = bucket.full_at.saturating_sub(now) + cost;
        if debt > MINUTE_MS {
            return Admission::Refused(debt - MINUTE_MS);
        }
        if debt + bucket.reserved * cost > MINUTE_MS {
            return Admission::Waits(bucket.ended.clone());
        }
        bucket.reserved += 1;
        Admission::Reserved(Reservation { bucket: Some((self, network)), cost, ..unlimited })
    }

    /// Counts a failure from this address that was not reserved.
    pub fn record_failure(&self, limits: &ServerLimits, address: IpAddr, now: Millis) {
        let network = address.into();
        let Some(cost) = cost_ms(limits, address).filter(|_| self.has_room(network, now)) else {
            return;
        };
        self.buckets.entry(network).or_default().record_failure(cost, now);
    }

    /// Whether the network has a bucket or can get one.
    fn has_room(&self, network: ClientNetwork, now: Millis) -> bool {
        if self.buckets.len() < ADDRESSES_MAX {
            return true;
        }
        // Scanning all buckets at every failure would invite denial-of-service attacks.
        if self.swept_at.fetch_max(now, Ordering::AcqRel) + SWEEP_MS <= now {
            self.buckets.retain(|_, bucket| !bucket.is_unused(now));
        }
        self.buckets.len() < ADDRESSES_MAX || self.buckets.contains_key(&network)
    }
}

impl Reservation<'_> {
    /// Counts the attempt as a failure.
    pub fn fail(mut self, now: Millis) {
        self.failed_at = Some(now);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let Some((limiter, network)) = self.bucket else { return };
        let Some(mut bucket) = limiter.buckets.get_mut(&network) else { return };
        bucket.reserved = bucket.reserved.saturating_sub(1);
        if let Some(now) = self.failed_at {
            bucket.record_failure(self.cost, now);
        }
        bucket.ended.notify_one();
        drop(bucket);
        if self.failed_at.is_none() {
            limiter.buckets.remove_if(&network, |_, bucket| bucket.is_unused(self.reserved_at));
        }
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

    fn scene() -> (FailureLimiter, ServerLimits, IpAddr) {
        let limits =
            ServerLimits { failed_logins_per_min_per_address: 20, ..ServerLimits::default() };
        (FailureLimiter::default(), limits, IpAddr::from([127, 0, 0, 2]))
    }

    fn reserved(admission: Admission<'_>) -> Reservation<'_> {
        match admission {
            Admission::Reserved(reservation) => reservation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn failures_are_limited_and_forgotten_with_time() {
        let (limiter, limits, address) = scene();
        for _ in 0..20 {
            assert_eq!(limiter.check(&limits, address, 1_000), Ok(()));
            limiter.record_failure(&limits, address, 1_000);
        }
        assert_eq!(limiter.check(&limits, address, 1_000), Err(3_000));
        assert_eq!(limiter.check(&limits, IpAddr::from([127, 0, 0, 3]), 1_000), Ok(()));
        assert_eq!(limiter.check(&limits, address, 4_000), Ok(()));
    }

    #[test]
    fn the_debt_ends_after_a_minute() {
        let (limiter, limits, address) = scene();
        (0..300).for_each(|_| limiter.record_failure(&limits, address, 1_000));
        assert_eq!(limiter.check(&limits, address, 4_000), Ok(()));
        drop(reserved(limiter.reserve(&limits, address, 61_000)));
        assert!(limiter.buckets.is_empty());
    }

    #[test]
    fn attempts_in_progress_do_not_exceed_the_limit() {
        let (limiter, limits, address) = scene();
        let mut attempts: Vec<_> =
            (0..20).map(|_| reserved(limiter.reserve(&limits, address, 1_000))).collect();
        assert!(matches!(limiter.reserve(&limits, address, 1_000), Admission::Waits(_)));
        attempts.pop();
        attempts.push(reserved(limiter.reserve(&limits, address, 1_000)));
        attempts.drain(..19).for_each(|attempt| attempt.fail(1_000));
        assert!(matches!(limiter.reserve(&limits, address, 1_000), Admission::Waits(_)));
        attempts.drain(..).for_each(|attempt| attempt.fail(1_000));
        assert!(matches!(limiter.reserve(&limits, address, 1_000), Admission::Refused(3_000)));
    }

    #[test]
    fn a_right_password_leaves_no_trace() {
        let (limiter, limits, address) = scene();
        (0..100).for_each(|_| drop(reserved(limiter.reserve(&limits, address, 1_000))));
        assert!(limiter.buckets.is_empty());
    }
}
