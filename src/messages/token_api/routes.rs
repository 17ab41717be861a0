//! Connectors: the routes of S1, each another spelling of a message. Session store, rules and
//! limits are those of the messages; only names and statuses differ.

use protocol::{Nack, NackCode, OwnedEnvelope};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};

use crate::messages::details;
use crate::realm::EffectiveLifetimes;
/// The life times of tokens, in seconds.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct LifeTimes {
    access_token_life_time: u64,
    refresh_token_life_time: u64,
    one_time_token_life_time: u64,
}

impl From<EffectiveLifetimes> for LifeTimes {
    fn from(lives: EffectiveLifetimes) -> Self {
        Self {
            access_token_life_time: lives.access_ms / 1_000,
            refresh_token_life_time: lives.refresh_ms / 1_000,
            one_time_token_life_time: lives.one_time_ms / 1_000,
        }
    }
}

/// One route: how it is spelt, and the message that it is.
pub struct Route {
    /// The path.
    pub path: &'static str,
    /// The methods, separated by `, `.
    pub methods: &'static str,
    /// MESSAGE_TYPE.
    pub message: &'static str,
    /// Where a token in the headers goes.
    pub token: RequiredToken,
    /// DETAILS of a body.
    request: fn(&str) -> Result<Map<String, Value>, Nack>,
    /// The body of an ack.
    pub response: fn(&Value) -> Value,
    /// JSON Schemas of body and answer.
    pub schemas: fn() -> (Schema, Schema),
}

/// What a token in the headers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredToken {
    /// Nothing: the body says all.
    None,
    /// Authorization has the access token of the session that asks.
    Access,
    /// The header `token`, else Authorization, else the body's `token` is the refresh token.
    Refresh,
}

/// All routes.
pub static ROUTES: [Route; 6] = [
    Route {
        path: "/auth/token",
        methods: "POST",
        message: "EVENT_LOGIN_AUTH",
        token: RequiredToken::None,
        request: |body| {
            let Credentials { login, password, mfa_code } = parse_body(body)?;
            Ok(details([("USER_NAME", login), ("PASSWORD", password)], mfa_code))
        },
        response: token_pair_body,
        schemas: || (schemars::schema_for!(Credentials), schemars::schema_for!(Pair)),
    },
    Route {
        path: "/auth/token/refresh",
        methods: "GET, POST",
        message: "EVENT_LOGIN_AUTH",
        token: RequiredToken::Refresh,
        request: |body| {
            let RefreshToken { token } = parse_body(body)?;
            let token = token.map(|token| ("REFRESH_AUTH_TOKEN".to_owned(), token.into()));
            Ok(token.into_iter().collect())
        },
        response: token_pair_body,
        schemas: || (schemars::schema_for!(RefreshToken), schemars::schema_for!(Pair)),
    },
    Route {
        path: "/external/token",
        methods: "POST",
        message: "EVENT_CREATE_ONE_TIME_TOKEN",
        token: RequiredToken::Access,
        request: |body| parse_body::<Empty>(body).map(|_| Map::new()),
        response: |ack| {
            json!({
                "token": ack["DETAILS"]["TOKEN"], "lifeTime": ack["DETAILS"]["LIFE_TIME_SECS"],
            })
        },
        schemas: || (schemars::schema_for!(Empty), schemars::schema_for!(OneTimeToken)),
    },
    Route {
        path: "/external/token/verify",
        methods: "POST",
        message: "EVENT_VERIFY_ONE_TIME_TOKEN",
        token: RequiredToken::Access,
        request: |body| {
            let Verify { token } = parse_body(body)?;
            Ok(Map::from_iter([("TOKEN".to_owned(), token.into())]))
        },
        response: |ack| {
            let told = &ack["DETAILS"];
            let mut answer = json!({ "valid": told["VALID"], "isExpired": told["IS_EXPIRED"] });
            if let Value::String(login) = &told["USER_NAME"] {
                answer["login"] = login.as_str().into();
            }
            answer
        },
        schemas: || (schemars::schema_for!(Verify), schemars::schema_for!(Verified)),
    },
    Route {
        path: "/connectors/settings",
        methods: "GET",
        message: "REQ_CONNECTOR_SETTINGS",
        token: RequiredToken::Access,
        request: |body| parse_body::<Empty>(body).map(|_| Map::new()),
        response: |ack| life_times(&ack["REPLY"][0]),
        schemas: || (schemars::schema_for!(Empty), schemars::schema_for!(Settings)),
    },
    Route {
        path: "/connectors/settings",
        methods: "PATCH",
        message: "EVENT_AMEND_CONNECTOR_SETTINGS",
        token: RequiredToken::Access,
        request: |body| {
            let said: Map<String, Value> = parse_body(body)?;
            let known = |(name, value): (String, Value)| {
                let field = TOKEN_LIFETIMES.iter().find(|(camel, _)| *camel == name);
                let field = field.map_or(name, |(_, field)| (*field).to_owned());
                (field, value)
            };
            Ok(said.into_iter().map(known).collect())
        },
        response: |ack| life_times(&ack["DETAILS"]),
        schemas: || (schemars::schema_for!(Settings), schemars::schema_for!(Settings)),
    },
];

/// Names of life times, as S1 and as messages spell them.
const TOKEN_LIFETIMES: [(&str, &str); 3] = [
    ("accessTokenLifeTime", "ACCESS_TOKEN_LIFE_TIME"),
    ("refreshTokenLifeTime", "REFRESH_TOKEN_LIFE_TIME"),
    ("oneTimeTokenLifeTime", "ONE_TIME_TOKEN_LIFE_TIME"),
];

impl Route {
    /// The routes of a path.
    pub fn by_path(path: &str) -> impl Iterator<Item = &'static Self> {
        ROUTES.iter().filter(move |route| route.path == path)
    }

    /// The message that a request is, without SOURCE_REF. `body`: checked to be JSON without
    /// duplicate keys.
    pub fn envelope(
        &self,
        body: &str,
        header: Option<String>,
        bearer: Option<Box<str>>,
    ) -> Result<OwnedEnvelope, Nack> {
        let mut details = (self.request)(body)?;
        let mut envelope = OwnedEnvelope::default();
        match self.token {
            RequiredToken::None => {}
            RequiredToken::Access => envelope.session_auth_token = bearer,
            RequiredToken::Refresh => {
                if let Some(token) = header.or(bearer.map(String::from)) {
                    details.insert("REFRESH_AUTH_TOKEN".to_owned(), token.into());
                }
                if details.is_empty() {
                    let text = "the refresh token is missing: in the header token, in \
                                Authorization, or as token in the body";
                    return Err(Nack::new(NackCode::MissingField, text));
                }
            }
        }
        let unreadable = |_| Nack::new(NackCode::InvalidMessage, "the body cannot be read");
        envelope.details = Some(to_raw_value(&details).map_err(unreadable)?);
        Ok(envelope)
    }

    /// The body of a refusal; a wrong name looks like a wrong password.
    pub fn error_body(code: &str, text: &str) -> Value {
        match code {
            "UNKNOWN_ACCOUNT" | "INCORRECT_CREDENTIALS" => json!({
                "errorCode": "INCORRECT_CREDENTIALS",
                "message": "the login or the password is wrong",
            }),
            _ => json!({ "errorCode": code, "message": text }),
        }
    }
}

fn parse_body<T: DeserializeOwned>(body: &str) -> Result<T, Nack> {
    details::decode(Some(body).filter(|body| !body.trim().is_empty()), true)
}

fn details<const N: usize>(
    fields: [(&str, String); N],
    mfa_code: Option<String>,
) -> Map<String, Value> {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
    fields.chain(mfa_code.map(|code| ("MFA_CODE".to_owned(), code.into()))).collect()
}

fn token_pair_body(ack: &Value) -> Value {
    let secs = |minutes: &Value| (minutes.as_f64().unwrap_or_default() * 60.0).round() as u64;
    json!({
        "accessToken": ack["SESSION_AUTH_TOKEN"],
        "accessTokenLifeTime": secs(&ack["DETAILS"]["SESSION_TIMEOUT_MINS"]),
        "refreshToken": ack["REFRESH_AUTH_TOKEN"],
        "refreshTokenLifeTime": secs(&ack["DETAILS"]["REFRESH_TOKEN_EXPIRATION_MINS"]),
    })
}

fn life_times(told: &Value) -> Value {
    TOKEN_LIFETIMES
        .iter()
        .map(|(camel, field)| ((*camel).to_owned(), told[field].clone()))
        .collect()
}

/// Who logs in.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credentials {
    login: String,
    password: String,
    mfa_code: Option<String>,
}

/// A refresh token, where no header has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefreshToken {
    token: Option<String>,
}

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// The token to verify.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verify {
    token: String,
}

/// Tokens and their life times in seconds.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is a schema")]
struct Pair {
    access_token: String,
    access_token_life_time: u64,
    refresh_token: String,
    refresh_token_life_time: u64,
}

/// A one-time token and its life time in seconds.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is a schema")]
struct OneTimeToken {
    token: String,
    life_time: u64,
}

/// Whether a one-time token was good, and whose it was.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is a schema")]
struct Verified {
    valid: bool,
    is_expired: bool,
    login: Option<String>,
}

/// Life times in seconds; null gives one back to the configuration.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "it is a schema")]
struct Settings {
    access_token_life_time: Option<u64>,
    refresh_token_life_time: Option<u64>,
    one_time_token_life_time: Option<u64>,
}
