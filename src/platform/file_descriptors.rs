//! Descriptors of files and sockets: how many connections the machine has room for.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors that are kept back: for the store, the management address, health checks, and for
/// connections that are turned away.
const RESERVE: u64 = 64;

/// Asks for as many descriptors as this process may have, and gives how many connections they are
/// good for.
pub fn raise_fd_limit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let most = rustix::process::Rlimit { current: limit.maximum, ..limit };
        if setrlimit(Resource::Nofile, most).is_ok() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    let free = limit.current.map_or(u64::MAX, |most| most.saturating_sub(RESERVE).max(1));
    usize::try_from(free).unwrap_or(usize::MAX)
}
