//! The wire of tollgate: what can be said, in which words, and what is wrong with it.
//!
//! This crate cannot do I/O. Reading order: [`names`], [`nack`], [`envelope`], [`criteria`],
//! [`script`].

pub mod criteria;
pub mod envelope;
pub mod nack;
pub mod names;
pub mod path;
pub mod script;

pub use criteria::Criteria;
pub use envelope::{Envelope, Malformed, SourceRef};
pub use nack::{Fault, Nack, NackCode};
pub use names::{
    Description, MfaCode, Password, ProfileName, RefreshToken, ResetToken, RightCode, SessionToken,
    UserName,
};
