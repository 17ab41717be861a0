//! One subscription: the rows that its client has, and those that the client may see.

mod external_rows;
mod first_rows;
mod resume;
mod scope;
mod user_rights;
mod view;

pub use first_rows::FirstRows;
pub use scope::KeyChange;
pub use view::Subscription;
