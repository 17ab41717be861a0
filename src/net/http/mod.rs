//! The HTTP server: routing, CORS, responses and the WebSocket upgrade.

mod cors;
mod response;
pub mod server;
mod upgrade;

pub use response::{HttpResponse, text_response};
pub use server::{HEAD_BYTES, HEAD_WAIT};

pub(super) use response::{json, status_of};
