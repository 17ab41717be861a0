//! Tests of operation: start, configuration, reload, metrics, packages, host faults.

mod clock_jumps;
mod configuration;
mod descriptors;
mod handler_faults;
mod metrics;
mod packaging;
mod reload;
mod start;
