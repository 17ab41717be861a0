//! The running gateway: shared state, start-up, reload, connections and background tasks.

mod connections;
mod failure_limiter;
pub mod policy;
mod refusal_log;
mod reload;
mod rest_subscriptions;
mod service_list;
pub mod startup;
mod state;
pub mod tasks;

pub use connections::{NoPlace, Place};
pub use reload::adopt;
pub use rest_subscriptions::Poll;
pub use service_list::Offer;
pub use startup::{ADMINISTRATORS, OpenError, Opened};
pub use state::Node;
pub use tasks::{flush_notes, flush_touches, look, start};
