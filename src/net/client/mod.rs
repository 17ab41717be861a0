//! The client side: connections to a gateway.

pub mod endpoint;
pub mod error;
pub mod http;
pub mod proxy;
pub mod websocket;
