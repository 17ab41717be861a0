//! Messages for the administration of rights.

pub mod event_amend_right;
pub mod event_delete_right;
pub mod event_insert_right;
pub mod req_right;
