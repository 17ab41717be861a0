//! REST: each request is one message.

mod refusal;
mod request;
pub mod serve;
mod subscriptions;
mod token_api;
