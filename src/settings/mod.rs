//! Configuration: sections, loading, checks and reference.

pub mod aliases;
pub mod diff;
pub mod duration;
pub mod error;
pub mod load;
pub mod merge;
pub mod mode;
pub mod reference;
pub mod root;
pub mod schema;
pub mod secret;
pub mod sections;
pub mod unknown_keys;
pub mod validate;
