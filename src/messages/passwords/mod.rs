//! Password changes, resets, expiry and locks.

pub mod event_amend_user_login_attempt;
pub mod event_change_user_password;
pub mod event_delete_user_login_attempt;
pub mod event_expire_user_password;
pub mod event_password_reset_action;
pub mod event_reset_user_password;
pub mod event_self_service_password_reset;
mod new_hash;
pub mod rules;
