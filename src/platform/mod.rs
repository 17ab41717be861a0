//! Platform: clock, times as text, randomness, process limits, exit codes and metrics.

mod client_network;
mod clock;
pub mod exit_code;
pub mod file_descriptors;
pub mod grafana;
mod histogram;
pub mod metrics;
pub mod private_file;
pub mod random;
mod refusal_lines;
pub mod utc;

pub use client_network::ClientNetwork;
pub use clock::{Clock, Stopwatch, stopwatch};
pub use exit_code::STORE;
pub use histogram::{BUCKETS, Histogram};
pub use metrics::METRICS;
pub use random::random_bytes;
pub(crate) use refusal_lines::{admits_line, refusal_line};
pub use refusal_lines::{log_omitted_lines, set_line_limits};
