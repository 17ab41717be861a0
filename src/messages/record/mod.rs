//! Shared parts of the messages about records: acks, events, queries and references.

mod ack;
mod dry_run;
pub mod event;
mod new_name;
pub mod query;
mod record_kind;
pub mod reference;

pub use ack::{Generated, GeneratedDetails, WithDetails};
pub use event::NoDetails;
pub use new_name::check_new_name;
pub use reference::{ProfileRef, RightRef, UserRef};
