//! Client side: WebSocket and REST connections to a gateway, and a recording proxy.

mod endpoint;
mod error;
mod http;
mod proxy;
mod websocket;

pub use endpoint::{Endpoint, TlsTrust};
pub use error::ClientError;
pub use http::HttpClient;
pub use proxy::{ProxyEvent, run_proxy};
pub use websocket::{Client, Received};
