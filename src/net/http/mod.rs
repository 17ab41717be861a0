//! The HTTP server: routing, CORS, responses and the WebSocket upgrade.

mod client_address;
mod cors;
mod response;
pub mod server;
mod upgrade;

pub use response::{HttpResponse, method_not_allowed, text_response};
pub use server::{HEADER_BYTES_MAX, HEADER_TIMEOUT};

pub(super) use response::{http_status, json, refused_status};
