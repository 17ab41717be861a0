//! Tests of the client API: WebSocket, REST, sessions, subscriptions, schemas.

mod decode;
mod rest;
mod schemas;
mod scripts;
mod session_timeouts;
mod sessions;
mod subscriptions;
mod token_api;
