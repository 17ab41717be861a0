//! The token API: routes, one-time tokens and token lifetimes.

pub mod event_amend_connector_settings;
pub mod event_create_one_time_token;
pub mod event_verify_one_time_token;
pub mod req_connector_settings;
mod routes;

pub use routes::{ROUTES, RequiredToken, Route};
