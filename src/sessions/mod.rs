//! Live sessions of this gateway: registry, last-seen times and timeouts.

mod live_session;
mod registry;
mod timeouts;

pub use live_session::LiveSession;
pub use registry::SessionRegistry;
pub use timeouts::{Action, SessionTimeouts, TimeoutLimits};
