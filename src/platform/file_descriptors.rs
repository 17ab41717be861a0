//! Limit of open file descriptors, and the number of connections that it allows.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors reserved for other purposes than connections: the store, the management address,
/// health checks, and connections that are accepted only to be rejected.
const RESERVE: u64 = 64;

/// Raises the soft limit of open descriptors to the hard limit; returns how many connections the
/// limit then allows.
pub fn raise_fd_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    let free = limit.current.map_or(u64::MAX, |most| most.saturating_sub(RESERVE).max(1));
    usize::try_from(free).unwrap_or(usize::MAX)
}
