//! REST: each request is one message.

pub mod exchange;
pub mod rate_limit;
pub mod refusal;
pub mod request;
pub mod serve;
pub mod subscriptions;
pub mod token_api;
