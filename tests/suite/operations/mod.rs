//! Operating a gateway: start, configuration, reload, metrics, packages, faults of the machine.

mod clock_jumps;
mod configuration;
mod descriptors;
mod handler_faults;
mod metrics;
mod packaging;
mod readme;
mod reload;
mod start;
