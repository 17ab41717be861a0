//! Places of the management port: how many connections it serves at the same time.
//!
//! An incomplete request keeps its place only until another connection needs it, and only health
//! checks get the last places. Slow clients therefore do not make health checks fail.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Maximum number of connections.
const PLACES: usize = 16;
/// Number of places that only health checks get.
const HEALTH_PLACES: usize = 2;
/// The response to a request that gets no place.
pub(super) const BUSY: &str = "too many requests are served at once; try again later\n";

/// The places in use.
#[derive(Debug, Default)]
pub(super) struct Places {
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    /// Connections whose request is incomplete, oldest first, each with its number.
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
    /// The numbers of the connections whose request is complete.
    served: BTreeSet<u64>,
    next_number: u64,
}

/// The place of one connection. Dropping it releases the place.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
}

impl Places {
    /// Takes a place for a connection whose request is incomplete; the oldest of these connections
    /// is dropped if no place is free. `None` if all requests are complete and being served. The
    /// receiver is ready when this connection must be dropped.
    pub fn take(places: &Arc<Self>) -> Option<(Place, oneshot::Receiver<()>)> {
        let mut used = places.used.lock();
        if used.waiting.len() + used.served.len() >= PLACES {
            let (_, oldest) = used.waiting.pop_front()?;
            let _ = oldest.send(());
        }
        let (number, (sender, receiver)) = (used.next_number, oneshot::channel());
        used.next_number += 1;
        used.waiting.push_back((number, sender));
        Some((Place { places: places.clone(), number }, receiver))
    }
}

impl Place {
    /// Begins to serve the request of this connection. Returns false if only places for health
    /// checks are left and the request is none, or if the connection was dropped.
    pub fn begin(&self, is_health: bool) -> bool {
        let mut used = self.places.used.lock();
        let places = if is_health { PLACES } else { PLACES - HEALTH_PLACES };
        if used.served.len() >= places {
            return false;
        }
        let is_waiting = used.stop_waiting(self.number);
        if is_waiting {
            used.served.insert(self.number);
        }
        is_waiting
    }
}

impl Used {
    /// Removes a connection from the waiting ones; returns whether it was one of them.
    fn stop_waiting(&mut self, number: u64) -> bool {
        let at = self.waiting.iter().position(|(waiting, _)| *waiting == number);
        at.and_then(|at| self.waiting.remove(at)).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut used = self.places.used.lock();
        used.stop_waiting(self.number);
        used.served.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_incomplete_request_is_dropped_and_health_checks_get_the_last_places() {
        let places = Arc::new(Places::default());
        let take = || Places::take(&places).unwrap();
        let mut incomplete: Vec<_> = (0..PLACES).map(|_| take()).collect();
        assert!(incomplete.iter_mut().all(|(_, dropped)| dropped.try_recv().is_err()));
        let (health, _dropped) = take();
        assert!(health.begin(true));
        let dropped =
            |at: usize, all: &mut Vec<(Place, oneshot::Receiver<()>)>| all[at].1.try_recv().is_ok();
        assert!(dropped(0, &mut incomplete) && !dropped(1, &mut incomplete));
        assert!(!incomplete[0].0.begin(true), "a dropped connection was served");
        drop((health, incomplete));

        let mut served: Vec<_> = (0..PLACES - HEALTH_PLACES).map(|_| take()).collect();
        assert!(served.iter().all(|(place, _)| place.begin(false)));
        let (place, _dropped) = take();
        assert!(!place.begin(false) && place.begin(true));
        served.push(take());
        assert!(served.last().unwrap().0.begin(true));
        assert!(Places::take(&places).is_none(), "a complete request lost its place");
        served.clear();
        assert!(take().0.begin(false));
    }
}
