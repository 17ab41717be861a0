//! Platform: clock, randomness, process limits, exit codes and metrics.

pub mod client_network;
pub mod clock;
pub mod exit_code;
pub mod file_descriptors;
pub mod grafana;
pub mod histogram;
pub mod metrics;
pub mod random;
