//! Network transports: listener, TLS, WebSocket, REST, management address, and client connections.
//!
//! Transports transfer messages; other modules decide how a message is answered.

mod client;
mod http;
pub mod listener;
pub mod management;
mod management_places;
mod rate_limit;
mod rest;
mod stream;
pub mod tls;
mod websocket;

pub use client::{
    Client, ClientError, Endpoint, HttpClient, ProxyEvent, Received, TlsTrust, run_proxy,
};
pub use tls::{Identity, TlsError};
pub use websocket::CloseReason;
