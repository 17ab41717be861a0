//! The shell that moves bytes: sockets in, sockets out. Nothing is decided here.

mod frames;
pub mod http;
pub mod listener;
pub mod management;
pub mod websocket;
