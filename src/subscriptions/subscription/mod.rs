//! One subscription: what its client has, and what it may see.

mod external_rows;
mod first_rows;
mod resume;
mod scope;
mod user_rights;
mod view;

pub use first_rows::FirstRows;
pub use scope::KeyChange;
pub use view::Subscription;
