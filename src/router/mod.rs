//! The router: finds the handler, authenticates, authorizes, dispatches and builds the reply.

pub mod dispatch;
pub mod errors;
pub mod reply;
