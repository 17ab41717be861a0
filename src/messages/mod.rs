//! Messages: one file for each MESSAGE_TYPE, in folders by subject, and the handler table.

pub mod context;
pub mod details;
pub mod errors;
pub mod handler;
pub mod handler_index;
pub mod login;
pub mod metadata;
pub mod mfa;
pub mod operations;
pub mod passwords;
pub mod profiles;
pub mod record;
pub mod rights;
pub mod schema;
pub mod subscriptions;
pub mod table;
pub mod token_api;
pub mod users;
