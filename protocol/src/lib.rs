//! The wire format of tollgate: names, envelopes, error codes, filters, message scripts.
//!
//! This crate does no I/O. Reading order: [`names`], [`error_codes`], [`envelope`], [`filter`],
//! [`script`].

pub mod duration;
pub mod envelope;
pub mod error_codes;
pub mod filter;
mod json;
pub mod names;
mod printable;
pub mod rest_paths;
pub mod script;
mod serde_error;

pub use envelope::{Envelope, Malformed, OwnedEnvelope, SourceRef};
pub use error_codes::{Nack, NackCode, NackError};
pub use filter::Filter;
pub use json::{to_json, to_json_value, to_raw_json, write_json};
pub use names::{
    Description, MfaCode, Password, ProfileName, RefreshToken, ResetToken, RightCode, SessionToken,
    UserName,
};
pub use printable::{escape_hidden, is_hidden, printable};
pub use serde_error::expected_by_serde;
