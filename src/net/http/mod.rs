//! The HTTP server: routing, CORS, responses and the WebSocket upgrade.

pub mod cors;
pub mod response;
pub mod server;
pub mod upgrade;
