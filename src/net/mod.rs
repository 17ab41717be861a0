//! The shell that moves bytes: sockets in, sockets out. Nothing is decided here.

mod client;
mod http;
pub mod listener;
pub mod management;
mod rest;
mod stream;
pub mod tls;
mod websocket;

pub use client::{Came, Client, ClientError, Passed, Requests, Route, Trust, relay};
pub use tls::{Identity, TlsError};
pub use websocket::CloseReason;
