//! The shell that moves bytes: sockets in, sockets out. Nothing is decided here.

pub mod http;
pub mod listener;
pub mod management;
pub mod websocket;
