//! Registry of the open connections of this gateway, which limits and notifies them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::platform::ClientNetwork;
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
    /// Number of connection permits in use, for each client network.
    by_network: DashMap<ClientNetwork, usize>,
    closing: AtomicBool,
}

/// A permit that counts one connection. Dropping the permit releases it.
pub struct ConnectionPermit {
    connections: Arc<ConnectionRegistry>,
    network: ClientNetwork,
}

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRefused {
    /// The gateway has the maximum number of connections, or is shutting down.
    GatewayFull,
    /// The client network has the maximum number of connections.
    AddressFull,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.connections.release(self.network);
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
            closing: AtomicBool::new(false),
        }
    }

    /// Acquires a permit for a connection from `address`. At most `connections_max` permits are in
    /// use, at most `network_max` of them by the client network of `address`.
    pub fn acquire(
        self: &Arc<Self>,
        address: IpAddr,
        connections_max: usize,
        network_max: usize,
    ) -> Result<ConnectionPermit, ConnectionRefused> {
        if self.closing.load(Ordering::Acquire) {
            return Err(ConnectionRefused::GatewayFull);
        }
        if self.open.fetch_add(1, Ordering::AcqRel) >= connections_max.min(self.capacity) {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return Err(ConnectionRefused::GatewayFull);
        }
        let network = ClientNetwork::from(address);
        let mut count = self.by_network.entry(network).or_insert(0);
        *count += 1;
        let too_many = *count > network_max;
        drop(count);
        if too_many {
            self.release(network);
            return Err(ConnectionRefused::AddressFull);
        }
        Ok(ConnectionPermit { connections: self.clone(), network })
    }

    fn release(&self, network: ClientNetwork) {
        self.open.fetch_sub(1, Ordering::AcqRel);
        if let Some(mut count) = self.by_network.get_mut(&network) {
            *count = count.saturating_sub(1);
        }
        self.by_network.remove_if(&network, |_, count| *count == 0);
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
