//! REST: each request is one message.

mod rate_limit;
mod refusal;
mod request;
pub mod serve;
mod subscriptions;
mod token_api;

pub use rate_limit::RequestRate;
