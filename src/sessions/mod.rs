//! Live sessions of this node: registry, liveness and timeouts.

pub mod registry;
pub mod timeouts;
