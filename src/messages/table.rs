//! The handler table: the handlers of all messages.
//!
//! Dispatch, access, order of replies, metrics and API documents are derived from [`HANDLERS`]. To
//! add a message, write `messages/<subject>/<MESSAGE_TYPE in lower case>.rs`, declare it in the
//! `mod.rs` of its folder, and import it and add its handler here.

use std::sync::LazyLock;

use super::handler::Handler;
use super::handler_index::HandlerIndex;
use crate::messages::login::{
    event_end_session, event_heartbeat, event_login_auth, event_login_details, event_login_prefs,
    event_logout, event_reauthenticate, heartbeat_ping,
};
use crate::messages::metadata::{json_schema_request, meta_request, resources_request};
use crate::messages::mfa::{
    event_disable_mfa_for_user, event_enable_mfa_for_user, event_mfa_confirm_secret,
    event_mfa_create_secret, event_mfa_revoke_code,
};
use crate::messages::operations::event_backup;
use crate::messages::passwords::{
    event_amend_user_login_attempt, event_change_user_password, event_delete_user_login_attempt,
    event_expire_user_password, event_password_reset_action, event_reset_user_password,
    event_self_service_password_reset,
};
use crate::messages::profiles::{
    event_amend_profile, event_delete_profile, event_insert_profile, req_profile,
};
use crate::messages::rights::{
    event_amend_right, event_delete_right, event_insert_right, req_right,
};
use crate::messages::subscriptions::{data_logoff, data_logon, more_rows};
use crate::messages::token_api::{
    event_amend_connector_settings, event_create_one_time_token, event_verify_one_time_token,
    req_connector_settings,
};
use crate::messages::users::{
    event_amend_user, event_delete_user, event_disable_user, event_enable_user, event_insert_user,
    event_user_profile_amend, req_user,
};

/// All handlers, those of the most frequent messages first.
pub static HANDLERS: [Handler; 46] = [
    Handler::immediate::<event_heartbeat::Heartbeat>(),
    Handler::immediate::<heartbeat_ping::HeartbeatPing>(),
    Handler::queued::<event_login_auth::LoginAuth>(),
    Handler::queued::<event_login_prefs::LoginPrefs>(),
    Handler::queued::<event_login_details::LoginDetails>(),
    Handler::queued::<event_logout::Logout>(),
    Handler::queued::<event_reauthenticate::ProveAgain>(),
    Handler::queued::<event_change_user_password::ChangeUserPassword>(),
    Handler::queued::<data_logon::DataLogon>(),
    Handler::queued::<more_rows::MoreRows>(),
    Handler::queued::<data_logoff::DataLogoff>(),
    Handler::queued::<event_insert_profile::InsertProfile>(),
    Handler::queued::<event_amend_profile::AmendProfile>(),
    Handler::queued::<event_delete_profile::DeleteProfile>(),
    Handler::queued::<event_insert_right::InsertRight>(),
    Handler::queued::<event_amend_right::AmendRight>(),
    Handler::queued::<event_delete_right::DeleteRight>(),
    Handler::queued::<event_insert_user::InsertUser>(),
    Handler::queued::<event_amend_user::AmendUser>(),
    Handler::queued::<event_delete_user::DeleteUser>(),
    Handler::queued::<event_enable_user::EnableUser>(),
    Handler::queued::<event_disable_user::DisableUser>(),
    Handler::queued::<event_user_profile_amend::UserProfileAmend>(),
    Handler::queued::<event_reset_user_password::ResetUserPassword>(),
    Handler::queued::<event_expire_user_password::ExpireUserPassword>(),
    Handler::queued::<event_amend_user_login_attempt::AmendUserLoginAttempt>(),
    Handler::queued::<event_backup::Backup>(),
    Handler::queued::<event_delete_user_login_attempt::DeleteUserLoginAttempt>(),
    Handler::queued::<event_end_session::EndSession>(),
    Handler::queued::<event_create_one_time_token::CreateOneTimeToken>(),
    Handler::queued::<event_verify_one_time_token::VerifyOneTimeToken>(),
    Handler::queued::<event_mfa_create_secret::MfaCreateSecret>(),
    Handler::queued::<event_mfa_confirm_secret::MfaConfirmSecret>(),
    Handler::queued::<event_enable_mfa_for_user::EnableMfaForUser>(),
    Handler::queued::<event_disable_mfa_for_user::DisableMfaForUser>(),
    Handler::queued::<event_mfa_revoke_code::MfaRevokeCode>(),
    Handler::queued::<event_self_service_password_reset::SelfServicePasswordReset>(),
    Handler::queued::<event_password_reset_action::PasswordResetAction>(),
    Handler::queued::<event_amend_connector_settings::AmendConnectorSettings>(),
    Handler::queued::<req_connector_settings::ReqConnectorSettings>(),
    Handler::immediate::<resources_request::ResourcesRequest>(),
    Handler::immediate::<meta_request::MetaRequest>(),
    Handler::immediate::<json_schema_request::JsonSchemaRequest>(),
    Handler::queued::<req_user::ReqUser>(),
    Handler::queued::<req_profile::ReqProfile>(),
    Handler::queued::<req_right::ReqRight>(),
];

/// The index of [`HANDLERS`] by name.
pub static INDEX: LazyLock<HandlerIndex> = LazyLock::new(|| HandlerIndex::new(&HANDLERS));

/// Returns the handler with this message type or alias; `None` if no handler has it.
pub fn find(message_type: &str) -> Option<&'static Handler> {
    INDEX.find(message_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handler_is_found_by_its_name_and_aliases() {
        for handler in &HANDLERS {
            for name in [handler.name].iter().chain(handler.aliases) {
                assert!(find(name).is_some_and(|found| std::ptr::eq(found, handler)), "{name}");
            }
        }
        for unknown in ["", "EVENT", "EVENT_HEARTBEAT_", "event_heartbeat"] {
            assert!(find(unknown).is_none(), "{unknown}");
        }
    }
}
