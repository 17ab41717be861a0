//! What the messages about records share: events, queries and references.

pub mod dry_run;
pub mod event;
pub mod query;
pub mod reference;
