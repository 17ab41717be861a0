//! The router: finds the handler, authenticates, authorizes, dispatches and builds the reply.

mod dispatch;
mod errors;
mod reply;

pub use dispatch::Router;
pub use reply::{Accepted, Reply, TokenCache};
