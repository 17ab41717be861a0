//! The HTTP server: routing, CORS, responses and the WebSocket upgrade.

pub(super) mod admission;
mod client_address;
mod cors;
mod response;
pub mod server;
mod upgrade;

pub use response::{HttpResponse, method_not_allowed, text_response, with_nosniff};
pub use server::{HEADER_BYTES_MAX, HEADER_TIMEOUT};

pub(super) use response::{http_status, json, refused_status};
