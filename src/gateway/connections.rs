//! The open connections of this gateway: how many, from where, and how to tell them all something.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::platform::ClientNetwork;
use crate::subscriptions::{ConnectionNotice, Outbox};
/// All open connections.
#[derive(Debug)]
pub struct ConnectionRegistry {
    /// What the machine allows, whatever the configuration says.
    capacity: usize,
    outboxes: DashMap<usize, Arc<Outbox>>,
    open: AtomicUsize,
    by_address: DashMap<ClientNetwork, usize>,
    closing: AtomicBool,
}

/// A place among the connections, given back when it is dropped.
pub struct ConnectionPermit {
    connections: Arc<ConnectionRegistry>,
    address: ClientNetwork,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionRefused {
    /// The gateway has as many connections as it may, or ends.
    GatewayFull,
    /// This address has as many as it may.
    AddressFull,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.connections.release(self.address);
    }
}

impl ConnectionRegistry {
    /// None yet; at most `room`, however many are allowed.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            outboxes: DashMap::new(),
            open: AtomicUsize::new(0),
            by_address: DashMap::new(),
            closing: AtomicBool::new(false),
        }
    }

    /// Takes a place for a connection from `address`, unless there are too many.
    pub fn acquire(
        self: &Arc<Self>,
        address: IpAddr,
        most: usize,
        most_here: usize,
    ) -> Result<ConnectionPermit, ConnectionRefused> {
        if self.closing.load(Ordering::Acquire) {
            return Err(ConnectionRefused::GatewayFull);
        }
        if self.open.fetch_add(1, Ordering::AcqRel) >= most.min(self.capacity) {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return Err(ConnectionRefused::GatewayFull);
        }
        let address = ClientNetwork::from(address);
        let mut here = self.by_address.entry(address).or_insert(0);
        *here += 1;
        let too_many = *here > most_here;
        drop(here);
        if too_many {
            self.release(address);
            return Err(ConnectionRefused::AddressFull);
        }
        Ok(ConnectionPermit { connections: self.clone(), address })
    }

    fn release(&self, address: ClientNetwork) {
        self.open.fetch_sub(1, Ordering::AcqRel);
        if let Some(mut here) = self.by_address.get_mut(&address) {
            *here = here.saturating_sub(1);
        }
        self.by_address.remove_if(&address, |_, here| *here == 0);
    }

    /// A socket opened.
    pub fn add(&self, outbox: &Arc<Outbox>) {
        self.outboxes.insert(Arc::as_ptr(outbox) as usize, outbox.clone());
        if self.closing.load(Ordering::Acquire) {
            outbox.notify(ConnectionNotice::Shutdown);
        }
    }

    /// A socket closed.
    pub fn remove(&self, outbox: &Arc<Outbox>) {
        self.outboxes.remove(&(Arc::as_ptr(outbox) as usize));
    }

    /// How many sockets are open.
    pub fn len(&self) -> usize {
        self.outboxes.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.outboxes.is_empty()
    }

    /// No new connections from here on; the open ones are told.
    pub fn begin_shutdown(&self) {
        self.closing.store(true, Ordering::Release);
        self.outboxes.iter().for_each(|outbox| outbox.notify(ConnectionNotice::Shutdown));
    }
}
