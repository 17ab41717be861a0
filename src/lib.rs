//! tollgate: a WebSocket message-bus auth gateway.
#![doc = include_str!("ARCHITECTURE.md")]

pub mod auth;
pub mod cli;
pub mod gateway;
pub mod mail;
pub mod messages;
pub mod net;
pub mod platform;
pub mod realm;
pub mod replay;
pub mod replication;
pub mod router;
pub mod sessions;
pub mod settings;
pub mod storage;
pub mod subscriptions;
