//! Live sessions of this node: registry, liveness and timeouts.

mod live_session;
mod registry;
mod timeouts;

pub use live_session::Presence;
pub use registry::Presences;
pub use timeouts::{Due, Limits, Watch};
