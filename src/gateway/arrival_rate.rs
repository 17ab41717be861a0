//! Rate of new connections, with a token bucket for each client network.

use std::collections::HashMap;

use crate::platform::ClientNetwork;
use crate::realm::Millis;

/// One token is added in this time: 100 connections a second.
const TOKEN_MS: Millis = 10;
/// Number of connections that a full bucket serves at once.
const BURST: Millis = 1_000;
/// Maximum number of buckets; more networks are not limited.
const NETWORKS_MAX: usize = 100_000;
/// Minimum time between two searches for full buckets.
const SWEEP_MS: Millis = 1_000;

/// The buckets of all client networks that connected recently.
#[derive(Debug, Default)]
pub struct ArrivalRate {
    /// When the bucket of a client network will be full again. A bucket without an entry is full.
    full_at: HashMap<ClientNetwork, Millis>,
    swept_at: Millis,
}

impl ArrivalRate {
    /// Counts a new connection and returns how long it must wait, in milliseconds.
    pub fn count(&mut self, network: ClientNetwork, now: Millis) -> Millis {
        if now >= self.swept_at + SWEEP_MS {
            self.swept_at = now;
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        if self.full_at.len() >= NETWORKS_MAX && !self.full_at.contains_key(&network) {
            return 0;
        }
        let full_at = self.full_at.entry(network).or_insert(now);
        *full_at = (*full_at).max(now) + TOKEN_MS;
        full_at.saturating_sub(now + BURST * TOKEN_MS)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn after_a_burst_a_network_gets_one_connection_in_ten_milliseconds() {
        let mut rate = ArrivalRate::default();
        let network = |last: u8| ClientNetwork::from(IpAddr::from([10, 0, 0, last]));
        assert!((0..1_000).all(|_| rate.count(network(1), 5_000) == 0));
        assert_eq!(rate.count(network(1), 5_000), 10);
        assert_eq!(rate.count(network(1), 5_000), 20);
        assert_eq!(rate.count(network(2), 5_000), 0);
        assert_eq!(rate.count(network(1), 6_000), 0, "no tokens were added");
        rate.count(network(3), 60_000);
        assert_eq!(rate.full_at.len(), 1, "full buckets were kept");
    }
}
