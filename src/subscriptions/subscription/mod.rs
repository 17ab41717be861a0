//! One subscription: what its client has, and what it may see.

pub mod external_rows;
pub mod user_rights;
pub mod view;
