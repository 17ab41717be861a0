//! Registry of the open connections of this gateway, which limits and notifies them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use parking_lot::Mutex;

use super::arrival_rate::ArrivalRate;
use super::unbound_budget::{Account, UnboundBudget};
use crate::platform::ClientNetwork;
use crate::realm::Millis;
use crate::settings::ServerLimits;
use crate::subscriptions::{ConnectionNotice, Outbox};

/// All open connections.
#[derive(Debug)]
pub struct ConnectionRegistry {
    /// Maximum number of connections that the file descriptor limit allows.
    capacity: usize,
    /// The outboxes of WebSocket connections, by their addresses in memory.
    outboxes: DashMap<usize, Arc<Outbox>>,
    /// Number of connection permits in use.
    open: AtomicUsize,
    /// Number of network permits in use, for each client network.
    by_network: DashMap<ClientNetwork, usize>,
    arrivals: Mutex<ArrivalRate>,
    /// The budget of the connections without a session.
    pub unbound: Arc<UnboundBudget>,
    closing: AtomicBool,
}

/// A permit that counts one connection. Dropping the permit releases it.
pub struct ConnectionPermit {
    connections: Arc<ConnectionRegistry>,
    /// The account of what the connection holds until a session is bound to it.
    pub account: Arc<Account>,
    /// `None` for the connection of a trusted proxy.
    _network: Option<NetworkPermit>,
}

/// A permit that counts one connection of a client network. Dropping the permit releases it.
pub struct NetworkPermit {
    connections: Arc<ConnectionRegistry>,
    network: ClientNetwork,
}

/// The permit of a connection, and behind a trusted proxy that of the client's network.
pub type Permits = (Arc<ConnectionPermit>, Option<NetworkPermit>);

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRefused {
    /// The gateway has the maximum number of connections, or is shutting down.
    GatewayFull,
    /// The client network has the maximum number of connections.
    AddressFull,
}

impl ConnectionRefused {
    /// Returns the text for the client.
    pub fn text(self) -> &'static str {
        match self {
            Self::GatewayFull => {
                "the gateway has too many connections or is shutting down; try again later\n"
            }
            Self::AddressFull => {
                "this address has too many connections; close some of them, or see \
                 server.limits.connections_per_address_max\n"
            }
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.account.close();
        self.connections.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for NetworkPermit {
    fn drop(&mut self) {
        let by_network = &self.connections.by_network;
        if let Some(mut count) = by_network.get_mut(&self.network) {
            *count = count.saturating_sub(1);
        }
        by_network.remove_if(&self.network, |_, count| *count == 0);
    }
}

impl ConnectionRegistry {
    /// Creates an empty registry. `capacity` limits the connections in addition to the settings.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            outboxes: DashMap::new(),
            open: AtomicUsize::new(0),
            by_network: DashMap::new(),
            arrivals: Mutex::default(),
            unbound: Arc::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// Acquires a permit for a connection. At most `connections_max` permits are in use. `network`
    /// is the permit of its client network; `None` for the connection of a trusted proxy.
    pub fn acquire(
        self: &Arc<Self>,
        connections_max: usize,
        network: Option<NetworkPermit>,
    ) -> Result<ConnectionPermit, ConnectionRefused> {
        if self.closing.load(Ordering::Acquire) {
            return Err(ConnectionRefused::GatewayFull);
        }
        if self.open.fetch_add(1, Ordering::AcqRel) >= connections_max.min(self.capacity) {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return Err(ConnectionRefused::GatewayFull);
        }
        let (connections, account) = (self.clone(), self.unbound.open());
        Ok(ConnectionPermit { connections, account, _network: network })
    }

    /// Acquires a permit for a connection of the client network of this address.
    pub fn acquire_network(
        self: &Arc<Self>,
        address: IpAddr,
        limits: &ServerLimits,
    ) -> Result<NetworkPermit, ConnectionRefused> {
        let max = limits.connections_per_address_max;
        let max = if limits.is_exempt(address) { usize::MAX } else { max };
        let network = ClientNetwork::from(address);
        let mut count = self.by_network.entry(network).or_insert(0);
        *count += 1;
        let is_full = *count > max;
        drop(count);
        // If the network is full, the drop of the permit releases it.
        let permit = NetworkPermit { connections: self.clone(), network };
        if is_full { Err(ConnectionRefused::AddressFull) } else { Ok(permit) }
    }

    /// Counts a new connection of this address and returns how long it must wait.
    pub fn arrival_delay(&self, address: IpAddr, limits: &ServerLimits, now: Millis) -> Duration {
        let is_exempt = limits.is_exempt(address);
        let count = || self.arrivals.lock().count(address.into(), now);
        Duration::from_millis(if is_exempt { 0 } else { count() })
    }

    /// Adds a WebSocket connection, which is notified at once if the gateway is shutting down.
    pub fn add(&self, outbox: &Arc<Outbox>) {
        self.outboxes.insert(Arc::as_ptr(outbox) as usize, outbox.clone());
        if self.closing.load(Ordering::Acquire) {
            outbox.notify(ConnectionNotice::Shutdown);
        }
    }

    /// Removes a WebSocket connection.
    pub fn remove(&self, outbox: &Arc<Outbox>) {
        self.outboxes.remove(&(Arc::as_ptr(outbox) as usize));
    }

    /// Returns the number of open WebSocket connections.
    pub fn len(&self) -> usize {
        self.outboxes.len()
    }

    /// Whether no WebSocket connection is open.
    pub fn is_empty(&self) -> bool {
        self.outboxes.is_empty()
    }

    /// Refuses new connections from now on and notifies the open ones.
    pub fn begin_shutdown(&self) {
        self.closing.store(true, Ordering::Release);
        self.outboxes.iter().for_each(|outbox| outbox.notify(ConnectionNotice::Shutdown));
    }
}
