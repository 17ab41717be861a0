//! The open connections of this node: how many, from where, and how to tell them all something.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::platform::Source;
use crate::subscriptions::{Notice, Outbox};
/// All open connections.
#[derive(Debug)]
pub struct Connections {
    /// What the machine allows, whatever the configuration says.
    room: usize,
    outboxes: DashMap<usize, Arc<Outbox>>,
    open: AtomicUsize,
    by_address: DashMap<Source, usize>,
    closing: AtomicBool,
}

/// A place among the connections, given back when it is dropped.
pub struct Place {
    connections: Arc<Connections>,
    address: Source,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// The gateway has as many connections as it may, or ends.
    Full,
    /// This address has as many as it may.
    FullHere,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.leave(self.address);
    }
}

impl Connections {
    /// None yet; at most `room`, however many are allowed.
    pub fn new(room: usize) -> Self {
        Self {
            room,
            outboxes: DashMap::new(),
            open: AtomicUsize::new(0),
            by_address: DashMap::new(),
            closing: AtomicBool::new(false),
        }
    }

    /// Takes a place for a connection from `address`, unless there are too many.
    pub fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        most: usize,
        most_here: usize,
    ) -> Result<Place, NoPlace> {
        if self.closing.load(Ordering::Acquire) {
            return Err(NoPlace::Full);
        }
        if self.open.fetch_add(1, Ordering::AcqRel) >= most.min(self.room) {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return Err(NoPlace::Full);
        }
        let address = Source::from(address);
        let mut here = self.by_address.entry(address).or_insert(0);
        *here += 1;
        let too_many = *here > most_here;
        drop(here);
        if too_many {
            self.leave(address);
            return Err(NoPlace::FullHere);
        }
        Ok(Place { connections: self.clone(), address })
    }

    fn leave(&self, address: Source) {
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
            outbox.notify(Notice::Shutdown);
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
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.outboxes.iter().for_each(|outbox| outbox.notify(Notice::Shutdown));
    }
}
