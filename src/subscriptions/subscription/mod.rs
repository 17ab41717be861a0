//! One subscription: what its client has, and what it may see.

mod external_rows;
mod user_rights;
mod view;

pub use view::Subscription;
