//! What the messages about records share: events, queries and references.

mod dry_run;
pub mod event;
pub mod query;
pub mod reference;

pub use event::NoDetails;
pub use reference::{ProfileRef, RightRef, UserRef};
