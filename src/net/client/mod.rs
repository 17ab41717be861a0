//! The client side: connections to a gateway.

mod endpoint;
mod error;
mod http;
mod proxy;
mod websocket;

pub use endpoint::{Route, Trust};
pub use error::ClientError;
pub use http::Requests;
pub use proxy::{Passed, relay};
pub use websocket::{Came, Client};
