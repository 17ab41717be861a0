//! Refusal lines: log lines that clients can cause without a session, limited per second.
//!
//! Without the limits, a client could fill the disk or hide lines among others. Like the log
//! itself, the limits belong to the process.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use parking_lot::Mutex;

use super::client_network::ClientNetwork;
use super::clock::{Stopwatch, stopwatch};
use super::metrics;

/// Maximum number of addresses that are counted in one summary of omitted lines.
const ADDRESSES_MAX: usize = 10_000;
/// The length of a window. The lines of each window are counted separately.
const WINDOW: Duration = Duration::from_secs(1);

static REFUSAL_LINES: LazyLock<Mutex<RefusalLines>> = LazyLock::new(Mutex::default);
/// Measures the time since the first line.
static SINCE_START: LazyLock<Stopwatch> = LazyLock::new(stopwatch);

/// Logs a line that a client without a session can cause, with the client's address (`None` if
/// unknown). If a limit is reached, the line is only counted.
macro_rules! refusal_line {
    ($level:ident, $address:expr, $($line:tt)+) => {{
        let address: Option<std::net::IpAddr> = $address;
        if tracing::enabled!(tracing::Level::$level) && $crate::platform::admits_line(address) {
            let address = address.map(tracing::field::display);
            tracing::event!(tracing::Level::$level, address, $($line)+);
        }
    }};
}
pub(crate) use refusal_line;

/// Sets the maximum number of lines per second of one client network, and of all together.
pub fn set_line_limits(per_network: u32, total: u32) {
    let mut lines = REFUSAL_LINES.lock();
    (lines.per_network, lines.total) = (per_network, total);
}

/// Counts a line of this client; `None` if its address is unknown. Returns whether to log the line.
pub(crate) fn admits_line(address: Option<IpAddr>) -> bool {
    REFUSAL_LINES.lock().admit(address.map(ClientNetwork::from), SINCE_START.elapsed())
}

/// Logs how many lines were omitted since the last call, if any were. Call this once a second.
pub fn log_omitted_lines() {
    let mut lines = REFUSAL_LINES.lock();
    let omitted = std::mem::take(&mut lines.omitted);
    let addresses = std::mem::take(&mut lines.omitted_networks).len();
    drop(lines);
    if omitted > 0 {
        metrics::record_omitted_lines(omitted);
        tracing::warn!(lines = omitted, addresses, "log lines of refusals were omitted");
    }
}

/// The lines of the current window, and the lines that were omitted since the last summary.
struct RefusalLines {
    per_network: u32,
    total: u32,
    /// Time since the start; `None` before the first line.
    window_start: Option<Duration>,
    logged: u32,
    /// Logged lines by network: at most `total` entries.
    by_network: HashMap<Option<ClientNetwork>, u32>,
    omitted: u64,
    omitted_networks: HashSet<Option<ClientNetwork>>,
}

impl Default for RefusalLines {
    fn default() -> Self {
        Self {
            per_network: u32::MAX,
            total: u32::MAX,
            window_start: None,
            logged: 0,
            by_network: HashMap::new(),
            omitted: 0,
            omitted_networks: HashSet::new(),
        }
    }
}

impl RefusalLines {
    fn admit(&mut self, network: Option<ClientNetwork>, now: Duration) -> bool {
        if self.window_start.is_none_or(|start| now >= start + WINDOW) {
            self.window_start = Some(now);
            self.logged = 0;
            self.by_network.clear();
        }
        let of_network = self.by_network.get(&network).copied().unwrap_or(0);
        if self.logged < self.total && of_network < self.per_network {
            self.logged += 1;
            self.by_network.insert(network, of_network + 1);
            return true;
        }
        self.omitted += 1;
        if self.omitted_networks.len() < ADDRESSES_MAX {
            self.omitted_networks.insert(network);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_limited_by_network_and_in_total_and_omitted_ones_are_counted() {
        let mut lines = RefusalLines { per_network: 5, total: 200, ..RefusalLines::default() };
        let network = |last: u8| Some(ClientNetwork::from(IpAddr::from([10, 0, 0, last])));
        let now = Duration::ZERO;
        let admitted = (0..100).filter(|_| lines.admit(network(1), now)).count();
        assert_eq!(admitted, 5);
        let admitted = (0..100).filter(|_| lines.admit(None, now)).count();
        assert_eq!(admitted, 5, "lines of unknown addresses have no limit");
        let admitted = (2..=250).filter(|last| lines.admit(network(*last), now)).count();
        assert_eq!(admitted, 190);
        assert_eq!((lines.omitted, lines.omitted_networks.len()), (95 + 95 + 59, 2 + 59));
        assert!(lines.admit(network(1), now + WINDOW), "no new window began");
    }
}
