//! Logging in: what EVENT_LOGIN_AUTH, a refresh and EVENT_LOGIN_DETAILS share — the ack, and the
//! check of a password outside the realm.

use protocol::{Nack, Password, RefreshToken, SessionToken, UserName};
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::Call;
use crate::outside::passwords::Checked;
use crate::realm::command::{Fingerprint, Verdict};
use crate::realm::{Millis, SessionNo};
use crate::refusal;
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
    user: Option<String>,
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
    match minutes.fract() == 0.0 {
        true => serializer.serialize_u64(*minutes as u64),
        false => serializer.serialize_f64(*minutes),
    }
}

impl LoginAck {
    /// Adds the secrets of the new pair.
    pub fn with(mut self, session: &SessionToken, refresh: &RefreshToken) -> Self {
        self.session_auth_token = Some(session.expose().to_owned());
        self.refresh_auth_token = Some(refresh.expose().to_owned());
        self
    }
}

/// The ack for a session as it is now, without secrets; none if it has just ended.
pub fn ack(call: &Call, session: SessionNo) -> Option<LoginAck> {
    let settings = call.node.settings();
    let version = (!settings.security.hide_versions).then_some(env!("CARGO_PKG_VERSION"));
    let product = vec![Product { name: settings.server.product_name.clone(), version }];
    call.read(|realm| {
        let session = realm.session(session).filter(|session| session.dormant.is_none())?;
        let user = realm.user(session.user)?;
        let details = Details {
            system: System {
                date: date(call.now, settings.server.system_date_format),
                product: product.clone(),
            },
            product,
            time_ms: call.now,
            heartbeat_interval_secs: settings.heartbeat.interval_secs,
            session_timeout_mins: settings.security.session_timeout_mins,
            refresh_token_expiration_mins: settings.security.refresh_token_expiration_mins,
            failed_login_attempts: session.before.failed,
            rejected_login_attempts: session.before.rejected,
            last_login_datetime: session.before.last_login,
        };
        let code = |right| Some(realm.right(right)?.code.to_string());
        let name = |profile| Some(realm.profile(profile)?.name.to_string());
        Some(LoginAck {
            session_auth_token: None,
            refresh_auth_token: None,
            session_id: session.id.0.to_string(),
            user_name: user.name.to_string(),
            user_id: user.id(),
            permission: realm.effective(user.no).into_iter().filter_map(code).collect(),
            profile: realm.profiles_of(user.no).filter_map(name).collect(),
            user: None,
            details,
        })
    })
}

/// SYSTEM.DATE in S0's form (`Sun Jan 21 20:53:48 UTC 2018`) or S2's (`2014-06-18 12:27:01`).
fn date(at: Millis, format: SystemDateFormat) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at as i64).unwrap_or_default();
    let format = match format {
        SystemDateFormat::S0 => "%a %b %e %H:%M:%S UTC %Y",
        SystemDateFormat::S2 => "%Y-%m-%d %H:%M:%S",
    };
    stamp.strftime(format).to_string()
}

/// A password that was checked outside the realm, and against what.
pub struct CheckedPassword {
    /// What the check said.
    pub verdict: Verdict,
    /// The credential it was checked against; none: there is none, and the work was done for show.
    pub checked: Option<Fingerprint>,
}

/// Checks a password. An unknown name costs what a known one costs; a locked one costs nothing.
pub async fn check(
    call: &Call,
    name: &UserName,
    password: &Password,
) -> Result<CheckedPassword, Nack> {
    let (locked, credential) = call.read(|realm| {
        let user = realm.user_by_name(name);
        (realm.locked_until(call.now, name), user.and_then(|user| user.credential.clone()))
    });
    if let Some(until) = locked {
        let refusal = crate::realm::Refusal::Locked { until: Some(until) };
        return Err(refusal::nack(&call.node, call.now, refusal));
    }
    let checked = credential.as_deref().map(Fingerprint::of);
    let verify = call.node.passwords.verify(call.caller.address, password.clone(), credential);
    let verdict = match verify.await.map_err(|busy| call.busy(busy))? {
        // A hash of the empty text is none that a password has: the realm knows what it may open.
        _ if password.expose().is_empty() => Verdict::Blank,
        Checked::Matched => Verdict::Matched,
        Checked::Wrong => Verdict::Wrong,
    };
    Ok(CheckedPassword { verdict, checked })
}
