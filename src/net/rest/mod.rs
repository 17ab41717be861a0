//! REST: each request is one message.

pub mod request;
pub mod serve;
pub mod subscriptions;
pub mod token_api;
