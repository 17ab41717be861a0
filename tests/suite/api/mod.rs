//! The wire: messages over WebSocket and REST, sessions, subscriptions, schemas.

mod decode;
mod rest;
mod schemas;
mod scripts;
mod session_timeouts;
mod sessions;
mod subscriptions;
mod token_api;
