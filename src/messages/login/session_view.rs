//! The session data of a login ack, all as of the same moment.

use std::sync::Arc;

use protocol::UserName;

use super::custom_ack::AckLists;
use crate::messages::context::MessageContext;
use crate::realm::{Before, DAY_MS, Millis, Realm, SessionId, SessionKind, SessionNo, User};
use crate::sessions::LiveSession;
use crate::settings::LoginAckSettings;

/// A live session, its user and the user's rights, all as of the same moment.
pub struct SessionView {
    /// The live session on this gateway.
    pub live_session: Arc<LiveSession>,
    /// SESSION_ID.
    pub session_id: SessionId,
    /// How long an active code is valid, in ms.
    pub active_code_ms: Millis,
    pub(super) user_name: UserName,
    pub(super) user_id: String,
    /// PERMISSION, PROFILE and USER.
    pub(super) lists: AckLists,
    /// Login attempts under the user's name before the login that opened the session.
    pub(super) before: Before,
    /// Time without use after which the session ends, in ms. For a session of the token API: the
    /// time from its login or refresh to its end.
    pub(super) lifetime_ms: Millis,
    /// How long the refresh token is valid, in ms.
    pub(super) refresh_ms: Millis,
    /// Days until the password expires, rounded up; `None` if it does not expire.
    pub(super) days_to_password_expiry: Option<u64>,
}

impl SessionView {
    /// Reads a session; `None` if it has ended or is dormant.
    pub fn read(context: &MessageContext, session: SessionNo) -> Option<Self> {
        let settings = context.gateway.settings();
        context.read(|realm| {
            let session = realm.session(session).filter(|session| session.dormant.is_none())?;
            let user = realm.user(session.user)?;
            let policy = realm.policy();
            let lifetime_ms = match session.kind() {
                SessionKind::Interactive => policy.idle_ms,
                SessionKind::Token => realm.effective_lifetimes().access_ms,
            };
            Some(Self {
                live_session: context.gateway.replica.sessions.get_or_create(session, &user.name),
                session_id: session.id,
                active_code_ms: policy.mfa.link.as_ref().map_or(0, |link| link.active_ms),
                user_name: user.name.clone(),
                user_id: user.id(),
                lists: lists_of(realm, user, &settings.security.login_ack),
                before: session.before,
                lifetime_ms,
                refresh_ms: realm.refresh_ms(session.kind()),
                days_to_password_expiry: days_left(context.now, user, policy.password_age_ms),
            })
        })
    }
}

fn lists_of(realm: &Realm, user: &User, settings: &LoginAckSettings) -> AckLists {
    let code = |right| Some(realm.right(right)?.code.to_string());
    let name = |profile| Some(realm.profile(profile)?.name.to_string());
    let mut lists = AckLists::from_user(settings, user);
    lists.permission = realm.effective(user.no).into_iter().filter_map(code).collect();
    lists.profile = realm.profiles_of(user.no).filter_map(name).collect();
    lists.apply_rules(settings, user)
}

/// Returns the days until the password expires, rounded up; `None` if it does not expire.
fn days_left(now: Millis, user: &User, age: Option<Millis>) -> Option<u64> {
    let until = user.credential_at.saturating_add(age?);
    Some(until.saturating_sub(now).div_ceil(DAY_MS))
}
