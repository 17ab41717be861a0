//! Live sessions of this node: registry, liveness and timeouts.

pub mod live_session;
pub mod registry;
pub mod timeouts;
