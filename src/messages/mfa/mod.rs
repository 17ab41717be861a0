//! Second factors: enrolment, deactivation and reactivation; revocation of active codes.

pub mod event_disable_mfa_for_user;
pub mod event_enable_mfa_for_user;
pub mod event_mfa_confirm_secret;
pub mod event_mfa_create_secret;
pub mod event_mfa_revoke_code;
