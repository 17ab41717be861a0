//! The REST transport: each request is handled as one message.

mod body;
mod refusal;
mod request;
pub mod serve;
mod subscriptions;
mod token_api;
