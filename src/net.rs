//! The shell that moves bytes: sockets in, sockets out. Nothing is decided here.

pub mod client;
mod connector;
mod cors;
mod frames;
pub mod http;
pub mod listener;
pub mod management;
mod polled;
pub mod relay;
mod request;
mod rest;
mod stream;
pub mod tls;
mod upgrade;
pub mod websocket;
