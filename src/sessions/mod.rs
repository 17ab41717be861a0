//! Live sessions of this node: registry, liveness and timeouts.

mod live_session;
mod registry;
mod timeouts;

pub use live_session::LiveSession;
pub use registry::SessionRegistry;
pub use timeouts::{Action, SessionTimeouts, TimeoutLimits};
