//! Messages for the administration of profiles.

mod body;
pub mod event_amend_profile;
pub mod event_delete_profile;
pub mod event_insert_profile;
pub mod req_profile;
