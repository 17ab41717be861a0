//! Configuration: sections, loading, checks and reference.

pub mod aliases;
pub mod diff;
pub mod duration;
pub mod load;
pub mod mode;
pub mod reference;
pub mod root;
pub mod secret;
pub mod sections;
pub mod unknown_keys;
