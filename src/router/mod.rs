//! The router: finds the handler, authenticates, authorizes, dispatches and builds the reply.

mod authenticate;
mod authorize;
mod dispatch;
mod errors;
mod reply;
mod request;

pub use dispatch::Router;
pub use reply::{Accepted, Reply, TokenCache};
pub use request::Request;
