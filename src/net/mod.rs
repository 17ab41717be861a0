//! The shell that moves bytes: sockets in, sockets out. Nothing is decided here.

pub mod client;
pub mod http;
pub mod listener;
pub mod management;
pub mod rest;
pub mod websocket;

mod stream;
pub mod tls;
