//! Messages for the administration of users.

pub mod body;
pub mod event_amend_user;
pub mod event_delete_user;
pub mod event_disable_user;
pub mod event_enable_user;
pub mod event_insert_user;
pub mod event_user_profile_amend;
pub mod req_user;

pub use body::{UserAck, is_attribute};
