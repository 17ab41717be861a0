//! The login ack: tokens, user, rights and settings for a GUI after its login.

use protocol::{MfaCode, RefreshToken, SessionToken};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::custom_ack::AckLists;
use super::session_view::SessionView;
use crate::messages::context::MessageContext;
use crate::platform::utc;
use crate::realm::Millis;
use crate::settings::SystemDateFormat;

/// User, rights and settings for a GUI after its login; in EVENT_LOGIN_AUTH_ACK also the tokens of
/// the session.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct LoginAck {
    /// Secret token that authenticates messages of the session. Absent in EVENT_LOGIN_DETAILS_ACK.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_auth_token: Option<String>,
    /// Secret token with which EVENT_LOGIN_AUTH renews or resumes the session. Absent in
    /// EVENT_LOGIN_DETAILS_ACK.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_auth_token: Option<String>,
    /// Id of the session (UUID), new after each refresh. With USER_NAME, EVENT_LOGOUT accepts
    /// SESSION_ID instead of a token.
    session_id: String,
    /// Name of the user in the stored spelling.
    user_name: String,
    /// ID of the user's record.
    user_id: String,
    /// Codes of the rights that the user has, changed by the rules of `security.login_ack.custom`
    /// in the configuration. The rules do not change what the user may do.
    permission: Vec<String>,
    /// Names of the user's profiles, changed by the rules of `security.login_ack.custom`.
    profile: Vec<String>,
    /// Fields of the user's record that `security.login_ack.fields` in the configuration selects,
    /// changed by the rules of `security.login_ack.custom`. Null if no field remains.
    user: Option<Map<String, Value>>,
    details: Details,
}

/// Times, limits and products for a GUI after its login.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Details {
    system: System,
    /// The same products as in SYSTEM, for clients that read them here.
    product: Vec<Product>,
    /// Time of the gateway, epoch milliseconds.
    time_ms: Millis,
    /// Seconds between two EVENT_HEARTBEAT messages that the client should send.
    heartbeat_interval_secs: u64,
    /// Minutes without use after which the session ends. A session of the token API ends this many
    /// minutes after its login or refresh, used or not.
    #[serde(serialize_with = "minutes")]
    session_timeout_mins: f64,
    /// Minutes for which REFRESH_AUTH_TOKEN is valid, from the login or the last refresh.
    #[serde(serialize_with = "minutes")]
    refresh_token_expiration_mins: f64,
    /// Number of wrong passwords between the previous login and the login that opened this session.
    failed_login_attempts: u32,
    /// Number of logins that were refused although the password was right, between the previous
    /// login and the login that opened this session. Refusals with MFA_FAILED do not count.
    rejected_login_attempts: u32,
    /// Time of the login before the one that opened this session, epoch milliseconds; absent if
    /// there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_datetime: Option<Millis>,
    /// Days until the password must be changed, rounded up; absent if the password does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_to_password_expiry: Option<u64>,
    /// Whether to warn the user: DAYS_TO_PASSWORD_EXPIRY is at most the configured
    /// `password_expiry_notification_days`. Absent if the password does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_expiry: Option<bool>,
    /// Secret active code. Later logins can send it as MFA_CODE instead of the code of a mailed
    /// link. Present only after a login by the code of a mailed link.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_code: Option<String>,
    /// Minutes for which the active code in MFA_CODE is valid. Present only with MFA_CODE.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_code_expiry_mins: Option<u64>,
}

/// The time of the gateway and its products.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct System {
    /// Time of the gateway in UTC, in the format `server.system_date_format` of the configuration.
    date: String,
    /// Products of the gateway.
    product: Vec<Product>,
}

/// A product of the gateway.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Product {
    /// Name of the product.
    name: String,
    /// Version of the product; absent if `security.hide_versions` is set in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
}

/// Writes whole minutes as an integer: 30, not 30.0.
fn minutes<S: serde::Serializer>(minutes: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if minutes.fract() == 0.0 {
        serializer.serialize_u64(*minutes as u64)
    } else {
        serializer.serialize_f64(*minutes)
    }
}

impl LoginAck {
    /// Makes the ack for a session, without tokens.
    pub fn new(context: &MessageContext, view: SessionView) -> Self {
        let details = Details::new(context, &view);
        let AckLists { permission, profile, user } = view.lists;
        Self {
            session_auth_token: None,
            refresh_auth_token: None,
            session_id: view.session_id.0.to_string(),
            user_name: view.user_name.to_string(),
            user_id: view.user_id,
            permission,
            profile,
            user: (!user.is_empty()).then_some(user),
            details,
        }
    }

    /// Adds the tokens of the session.
    pub fn with_tokens(mut self, session: &SessionToken, refresh: &RefreshToken) -> Self {
        self.session_auth_token = Some(session.expose().to_owned());
        self.refresh_auth_token = Some(refresh.expose().to_owned());
        self
    }

    /// Adds the active code, which is valid for `valid_ms`.
    pub fn with_active_code(mut self, code: &MfaCode, valid_ms: Millis) -> Self {
        self.details.mfa_code = Some(code.expose().to_owned());
        self.details.mfa_code_expiry_mins = Some(valid_ms / 60_000);
        self
    }
}

impl Details {
    fn new(context: &MessageContext, view: &SessionView) -> Self {
        let settings = context.gateway.settings();
        let version = (!settings.security.hide_versions).then_some(env!("CARGO_PKG_VERSION"));
        let product = vec![Product { name: settings.server.product_name.clone(), version }];
        let strength = &settings.security.genesis_password.validation.password_strength;
        let notify_days = u64::from(strength.password_expiry_notification_days.unwrap_or(0));
        Self {
            system: System {
                date: date(context.now, settings.server.system_date_format),
                product: product.clone(),
            },
            product,
            time_ms: context.now,
            heartbeat_interval_secs: settings.heartbeat.interval_secs,
            session_timeout_mins: in_minutes(view.lifetime_ms),
            refresh_token_expiration_mins: in_minutes(view.refresh_ms),
            failed_login_attempts: view.before.failed,
            rejected_login_attempts: view.before.rejected,
            last_login_datetime: view.before.last_login,
            days_to_password_expiry: view.days_to_password_expiry,
            notify_expiry: view.days_to_password_expiry.map(|days| days <= notify_days),
            mfa_code: None,
            mfa_code_expiry_mins: None,
        }
    }
}

fn in_minutes(millis: Millis) -> f64 {
    millis as f64 / 60_000.0
}

/// Formats SYSTEM.DATE: `Sun Jan 21 20:53:48 UTC 2018` (Genesis REST API) or
/// `2014-06-18 12:27:01` (Genesis authentication).
fn date(at: Millis, format: SystemDateFormat) -> String {
    let format = match format {
        SystemDateFormat::GenesisRest => utc::UNIX_DATE,
        SystemDateFormat::GenesisAuth => utc::SECONDS,
    };
    utc::format(at, format)
}
