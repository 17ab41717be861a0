//! The login ack: what a GUI is told of its session.

use protocol::{MfaCode, RefreshToken, SessionToken};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::custom_ack::AckLists;
use super::session_view::SessionView;
use crate::messages::context::MessageContext;
use crate::realm::Millis;
use crate::settings::SystemDateFormat;
/// The root of EVENT_LOGIN_AUTH_ACK (PROTOCOL §5).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct LoginAck {
    /// The secrets; only for whoever just logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_auth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_auth_token: Option<String>,
    session_id: String,
    user_name: String,
    user_id: String,
    permission: Vec<String>,
    profile: Vec<String>,
    /// The fields of `login_ack`; null without any.
    user: Option<Map<String, Value>>,
    details: Details,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Details {
    system: System,
    product: Vec<Product>,
    time_ms: Millis,
    heartbeat_interval_secs: u64,
    #[serde(serialize_with = "minutes")]
    session_timeout_mins: f64,
    #[serde(serialize_with = "minutes")]
    refresh_token_expiration_mins: f64,
    failed_login_attempts: u32,
    rejected_login_attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_datetime: Option<Millis>,
    /// Whole days until the password must be changed, where it grows old.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_to_password_expiry: Option<u64>,
    /// Whether that is soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    notify_expiry: Option<bool>,
    /// After a login by a mailed link: what stands for the second factor from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_code: Option<String>,
    /// For how many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_code_expiry_mins: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct System {
    date: String,
    product: Vec<Product>,
}

#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Product {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
}

/// Whole minutes are written as such: 30, not 30.0.
fn minutes<S: serde::Serializer>(minutes: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if minutes.fract() == 0.0 {
        serializer.serialize_u64(*minutes as u64)
    } else {
        serializer.serialize_f64(*minutes)
    }
}

impl LoginAck {
    /// The ack for a session, without secrets.
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

    /// Adds the secrets of the new pair.
    pub fn with_tokens(mut self, session: &SessionToken, refresh: &RefreshToken) -> Self {
        self.session_auth_token = Some(session.expose().to_owned());
        self.refresh_auth_token = Some(refresh.expose().to_owned());
        self
    }

    /// Adds the active code, and for how long it is valid.
    pub fn with_active_code(mut self, code: &MfaCode, millis: Millis) -> Self {
        self.details.mfa_code = Some(code.expose().to_owned());
        self.details.mfa_code_expiry_mins = Some(millis / 60_000);
        self
    }
}

impl Details {
    fn new(context: &MessageContext, view: &SessionView) -> Self {
        let settings = context.gateway.settings();
        let version = (!settings.security.hide_versions).then_some(env!("CARGO_PKG_VERSION"));
        let product = vec![Product { name: settings.server.product_name.clone(), version }];
        let strength = &settings.security.genesis_password.validation.password_strength;
        let notice = u64::from(strength.password_expiry_notification_days.unwrap_or(0));
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
            notify_expiry: view.days_to_password_expiry.map(|days| days <= notice),
            mfa_code: None,
            mfa_code_expiry_mins: None,
        }
    }
}

fn in_minutes(millis: Millis) -> f64 {
    millis as f64 / 60_000.0
}

/// SYSTEM.DATE as `Sun Jan 21 20:53:48 UTC 2018` (Genesis REST API) or `2014-06-18 12:27:01`
/// (Genesis authentication).
fn date(at: Millis, format: SystemDateFormat) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at as i64).unwrap_or(jiff::Timestamp::MAX);
    let format = match format {
        SystemDateFormat::GenesisRest => "%a %b %e %H:%M:%S UTC %Y",
        SystemDateFormat::GenesisAuth => "%Y-%m-%d %H:%M:%S",
    };
    stamp.strftime(format).to_string()
}
