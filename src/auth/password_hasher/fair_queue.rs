//! The queue of the hash threads: round robin over client networks.

use std::collections::{HashMap, VecDeque};

use crate::platform::ClientNetwork;

/// A queued job.
#[derive(Debug)]
pub struct QueuedJob<J> {
    id: u64,
    /// When it was queued, in seconds on the stopwatch of the thread pool.
    pub since_secs: f64,
    /// The work to do.
    pub job: J,
}

/// Jobs of many client networks. The networks take turns; each turn serves the oldest job of the
/// network.
#[derive(Debug)]
pub struct FairQueue<J> {
    /// The jobs of each network, oldest first; no list is empty.
    networks: HashMap<ClientNetwork, VecDeque<QueuedJob<J>>>,
    /// Every network of the map once, the next one to serve first.
    turns: VecDeque<ClientNetwork>,
    waiting: usize,
    next_id: u64,
}

impl<J> Default for FairQueue<J> {
    fn default() -> Self {
        Self { networks: HashMap::new(), turns: VecDeque::new(), waiting: 0, next_id: 0 }
    }
}

impl<J> FairQueue<J> {
    /// Returns the number of jobs.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Returns how many jobs would at most run before a new job of `network`, if no further job
    /// is added.
    pub fn jobs_ahead(&self, network: ClientNetwork) -> usize {
        let rounds = 1 + self.networks.get(&network).map_or(0, VecDeque::len);
        self.networks.values().map(|jobs| jobs.len().min(rounds)).sum()
    }

    /// Adds a job and returns its id for [`FairQueue::remove`].
    pub fn push(&mut self, network: ClientNetwork, now_secs: f64, job: J) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting += 1;
        let jobs = self.networks.entry(network).or_default();
        if jobs.is_empty() {
            self.turns.push_back(network);
        }
        jobs.push_back(QueuedJob { id, since_secs: now_secs, job });
        id
    }

    /// Removes and returns the oldest job of the network whose turn it is.
    pub fn pop(&mut self) -> Option<QueuedJob<J>> {
        let network = self.turns.pop_front()?;
        let jobs = self.networks.get_mut(&network)?;
        let first = jobs.pop_front();
        if jobs.is_empty() {
            drop(self.networks.remove(&network))
        } else {
            self.turns.push_back(network)
        }
        self.waiting -= usize::from(first.is_some());
        first
    }

    /// Removes a job from any position; `None` if it is no longer queued.
    pub fn remove(&mut self, network: ClientNetwork, id: u64) -> Option<J> {
        let jobs = self.networks.get_mut(&network)?;
        let position = jobs.binary_search_by_key(&id, |waiting| waiting.id).ok()?;
        let removed = jobs.remove(position)?;
        if jobs.is_empty() {
            self.remove_network(network);
        }
        self.waiting -= 1;
        Some(removed.job)
    }

    /// Removes and returns the jobs that were queued before `since_secs`.
    pub fn expire(&mut self, since_secs: f64) -> Vec<J> {
        let mut late = Vec::new();
        for jobs in self.networks.values_mut() {
            while let Some(first) = jobs.pop_front_if(|first| first.since_secs < since_secs) {
                late.push(first.job);
            }
        }
        if !late.is_empty() {
            self.waiting -= late.len();
            self.networks.retain(|_, jobs| !jobs.is_empty());
            self.turns.retain(|network| self.networks.contains_key(network));
        }
        late
    }

    fn remove_network(&mut self, network: ClientNetwork) {
        self.networks.remove(&network);
        self.turns.retain(|other| *other != network);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn network(last: u8) -> ClientNetwork {
        IpAddr::from([127, 0, 0, last]).into()
    }

    /// Returns a queue with one job for each element of `networks`, in this order, and their ids. A
    /// job is named by its network and a number.
    fn filled(networks: &[u8]) -> (FairQueue<String>, Vec<u64>) {
        let mut queue = FairQueue::default();
        let push = |(now, last): (usize, &u8)| {
            let before = networks[..now].iter().filter(|other| *other == last).count();
            queue.push(network(*last), now as f64, format!("{last}.{before}"))
        };
        let ids = networks.iter().enumerate().map(push).collect();
        (queue, ids)
    }

    fn drained(mut queue: FairQueue<String>) -> Vec<String> {
        let jobs = std::iter::from_fn(|| queue.pop().map(|waiting| waiting.job)).collect();
        assert!(queue.len() == 0 && queue.turns.is_empty() && queue.networks.is_empty());
        jobs
    }

    #[test]
    fn networks_take_turns() {
        let (queue, _) = filled(&[1, 1, 1, 1, 2, 2, 3]);
        assert_eq!(queue.len(), 7);
        assert_eq!(drained(queue), ["1.0", "2.0", "3.0", "1.1", "2.1", "1.2", "1.3"]);
    }

    #[test]
    fn a_network_that_returns_does_not_overtake() {
        let (mut queue, _) = filled(&[1, 2, 2]);
        assert_eq!(queue.pop().unwrap().job, "1.0");
        queue.push(network(1), 9.0, "1.1".to_owned());
        assert_eq!(drained(queue), ["2.0", "1.1", "2.1"]);
    }

    #[test]
    fn jobs_ahead_are_counted_by_rounds() {
        let (queue, _) = filled(&[1, 1, 1, 1, 2, 2]);
        assert_eq!([1, 2, 3].map(|last| queue.jobs_ahead(network(last))), [6, 5, 2]);
    }

    #[test]
    fn a_removed_job_is_not_served() {
        let (mut queue, ids) = filled(&[1, 1, 2, 3]);
        assert_eq!(queue.remove(network(1), ids[1]).as_deref(), Some("1.1"));
        assert_eq!(queue.remove(network(1), ids[1]), None);
        assert_eq!(queue.remove(network(2), ids[2]).as_deref(), Some("2.0"));
        assert_eq!(queue.remove(network(2), ids[3]), None);
        queue.push(network(2), 9.0, "2.1".to_owned());
        assert_eq!(drained(queue), ["1.0", "3.0", "2.1"]);
    }

    #[test]
    fn expired_jobs_are_removed() {
        let (mut queue, _) = filled(&[1, 2, 1, 2, 3]);
        let mut late = queue.expire(1.5);
        late.sort();
        assert_eq!(late, ["1.0", "2.0"]);
        assert!(queue.expire(2.0).is_empty());
        assert_eq!(queue.expire(3.0), ["1.1"]);
        assert_eq!(drained(queue), ["2.1", "3.0"]);
    }
}
