//! The sections of the configuration, a file each.

pub mod authentication;
pub mod genesis_password;
pub mod heartbeat;
pub mod ldap;
pub mod login_ack;
pub mod mail;
pub mod mfa;
pub mod mode;
pub mod password_strength;
pub mod security;
pub mod self_service_reset;
pub mod server;
pub mod services;
pub mod store;
pub mod templates;
pub mod tls;
