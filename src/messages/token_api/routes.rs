//! Connectors: the routes of S1, each another spelling of a message. Session store, rules and
//! limits are those of the messages; only names and statuses differ.

use protocol::{Nack, NackCode, OwnedEnvelope, to_raw_json};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
    /// The body of the answer to this ack; `None` if the ack lacks a part of it.
    pub response: fn(&Value) -> Option<Value>,
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
            let details = &ack["DETAILS"];
            let (token, secs) = (details["TOKEN"].as_str()?, details["LIFE_TIME_SECS"].as_u64()?);
            Some(json!({ "token": token, "lifeTime": secs }))
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
            let details = &ack["DETAILS"];
            let flag = |field: &str| details[field].as_bool();
            let mut body = json!({ "valid": flag("VALID")?, "isExpired": flag("IS_EXPIRED")? });
            if let Value::String(login) = &details["USER_NAME"] {
                body["login"] = login.as_str().into();
            }
            Some(body)
        },
        schemas: || (schemars::schema_for!(Verify), schemars::schema_for!(Verified)),
    },
    Route {
        path: "/connectors/settings",
        methods: "GET",
        message: "REQ_CONNECTOR_SETTINGS",
        token: RequiredToken::Access,
        request: |body| parse_body::<Empty>(body).map(|_| Map::new()),
        response: |ack| token_lifetimes(&ack["REPLY"][0]),
        schemas: || (schemars::schema_for!(Empty), schemars::schema_for!(Settings)),
    },
    Route {
        path: "/connectors/settings",
        methods: "PATCH",
        message: "EVENT_AMEND_CONNECTOR_SETTINGS",
        token: RequiredToken::Access,
        request: |body| {
            let fields: Map<String, Value> = parse_body(body)?;
            let renamed = |(name, value): (String, Value)| {
                let field = TOKEN_LIFETIMES.iter().find(|(camel, _)| *camel == name);
                let field = field.map_or(name, |(_, field)| (*field).to_owned());
                (field, value)
            };
            Ok(fields.into_iter().map(renamed).collect())
        },
        response: |ack| token_lifetimes(&ack["DETAILS"]),
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
        envelope.details = Some(to_raw_json(&details));
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

fn token_pair_body(ack: &Value) -> Option<Value> {
    let secs = |field: &str| {
        let minutes = ack["DETAILS"][field].as_f64()?;
        Some((minutes * 60.0).round() as u64)
    };
    Some(json!({
        "accessToken": ack["SESSION_AUTH_TOKEN"].as_str()?,
        "accessTokenLifeTime": secs("SESSION_TIMEOUT_MINS")?,
        "refreshToken": ack["REFRESH_AUTH_TOKEN"].as_str()?,
        "refreshTokenLifeTime": secs("REFRESH_TOKEN_EXPIRATION_MINS")?,
    }))
}

fn token_lifetimes(lifetimes: &Value) -> Option<Value> {
    let secs = |(camel, field): &(&str, &str)| {
        let secs = lifetimes.get(field)?.clone();
        Some(((*camel).to_owned(), secs))
    };
    TOKEN_LIFETIMES.iter().map(secs).collect::<Option<Map<_, _>>>().map(Value::Object)
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
