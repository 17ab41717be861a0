//! Routes of the token API (TraderEvolution BO API).
//!
//! A request to a route is converted to a message and handled like that message, with the same
//! rules and limits. Field names and HTTP statuses differ. A session that a route opens ends at a
//! fixed time, and a login without its second factor must be repeated as a whole.

use protocol::{Nack, NackCode, OwnedEnvelope, to_raw_json};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::messages::details;
use crate::realm::EffectiveLifetimes;

/// The lifetimes of new tokens.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub struct LifeTimes {
    /// Lifetime of access tokens, in seconds.
    access_token_life_time: u64,
    /// Lifetime of refresh tokens, in seconds.
    refresh_token_life_time: u64,
    /// Lifetime of one-time tokens, in seconds.
    one_time_token_life_time: u64,
}

impl From<EffectiveLifetimes> for LifeTimes {
    fn from(lifetimes: EffectiveLifetimes) -> Self {
        Self {
            access_token_life_time: lifetimes.access_ms / 1_000,
            refresh_token_life_time: lifetimes.refresh_ms / 1_000,
            one_time_token_life_time: lifetimes.one_time_ms / 1_000,
        }
    }
}

/// A route, and the message to which its requests are converted.
pub struct Route {
    /// The path.
    pub path: &'static str,
    /// The HTTP methods, separated by `, `.
    pub methods: &'static str,
    /// MESSAGE_TYPE of the message.
    pub message: &'static str,
    /// What a request does: one short sentence.
    pub summary: &'static str,
    /// The token that a request must carry.
    pub token: RequiredToken,
    /// Converts the body of a request to DETAILS.
    request: fn(&str) -> Result<Map<String, Value>, Nack>,
    /// Converts the ack to the body of the response; `None` if the ack lacks a field.
    pub response: fn(&Value) -> Option<Value>,
    /// Returns the JSON Schemas of the request body and the response body.
    pub schemas: fn() -> (Schema, Schema),
}

/// The token that a request to a route must carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredToken {
    /// No token: the credentials are in the body.
    None,
    /// The access token of the client's session, in Authorization.
    Access,
    /// A refresh token. The first of these is used: the header `token`, Authorization, the field
    /// `token` of the body.
    Refresh,
}

/// All routes of the token API.
pub static ROUTES: [Route; 6] = [
    Route {
        path: "/auth/token",
        methods: "POST",
        message: "EVENT_LOGIN_AUTH",
        summary: "Opens a session with the user's password.",
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
        summary: "Renews or resumes a session with its refresh token.",
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
        summary: "Issues a token by which another application can identify the user once.",
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
        summary: "Uses up a one-time token and returns its user.",
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
        summary: "Returns the lifetimes of new tokens.",
        token: RequiredToken::Access,
        request: |body| parse_body::<Empty>(body).map(|_| Map::new()),
        response: |ack| token_lifetimes(&ack["REPLY"][0]),
        schemas: || (schemars::schema_for!(Empty), schemars::schema_for!(CurrentSettings)),
    },
    Route {
        path: "/connectors/settings",
        methods: "PATCH",
        message: "EVENT_AMEND_CONNECTOR_SETTINGS",
        summary: "Sets the lifetimes of new tokens.",
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
        schemas: || (schemars::schema_for!(Settings), schemars::schema_for!(CurrentSettings)),
    },
];

/// Names of the lifetimes: in the token API and in messages.
const TOKEN_LIFETIMES: [(&str, &str); 3] = [
    ("accessTokenLifeTime", "ACCESS_TOKEN_LIFE_TIME"),
    ("refreshTokenLifeTime", "REFRESH_TOKEN_LIFE_TIME"),
    ("oneTimeTokenLifeTime", "ONE_TIME_TOKEN_LIFE_TIME"),
];

impl Route {
    /// Returns the routes of a path.
    pub fn by_path(path: &str) -> impl Iterator<Item = &'static Self> {
        ROUTES.iter().filter(move |route| route.path == path)
    }

    /// Converts a request to an envelope without SOURCE_REF. `header` is the value of the header
    /// `token`; `bearer` is the token in Authorization. The caller has checked that `body` is JSON
    /// without duplicate keys.
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
                    let text = "the refresh token is missing: send it in the token header, in the \
                                Authorization header or in the field token of the body";
                    return Err(Nack::new(NackCode::MissingField, text));
                }
            }
        }
        envelope.details = Some(to_raw_json(&details));
        Ok(envelope)
    }

    /// Makes the response body for a NACK. An unknown user name and a wrong password get the same
    /// body, so that it does not reveal which names exist.
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

/// The credentials of a login.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Credentials {
    /// Name of the user.
    login: String,
    /// Password of the user.
    password: String,
    /// Second factor, if one is required: a code of the authenticator app, a recovery code, or the
    /// active code in the ACK of an earlier login by mailed link. After MFA_FAILED, send the whole
    /// request again with this field: the token API has no pending login and mails no link.
    mfa_code: Option<String>,
}

/// The refresh token, if it is not in a header.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RefreshToken {
    /// The refresh token. Ignored if the header `token` or Authorization carries one.
    token: Option<String>,
}

/// No fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// A one-time token to verify.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verify {
    /// The token. If it is valid, it is used up.
    token: String,
}

/// The tokens of a session.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Pair {
    /// Access token: a bearer token for REST, and SESSION_AUTH_TOKEN of messages.
    access_token: String,
    /// Seconds after which the session ends, used or not.
    access_token_life_time: u64,
    /// Token for `/auth/token/refresh`.
    refresh_token: String,
    /// Seconds for which the refresh token is valid.
    refresh_token_life_time: u64,
}

/// A one-time token.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct OneTimeToken {
    /// The token. It is sent only in this response.
    token: String,
    /// Seconds for which the token can be verified.
    life_time: u64,
}

/// The result of a verification. Used, expired and unknown tokens get the same answer.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct Verified {
    /// Whether the token was valid.
    valid: bool,
    /// Whether the token was expired, used or unknown: the opposite of `valid`.
    is_expired: bool,
    /// Name of the user of the token; absent if the token was not valid.
    login: Option<String>,
}

/// Lifetimes of new tokens to change. An absent field keeps its value; null restores the value of
/// the configuration.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Settings {
    /// Lifetime of access tokens: 1 to 86400 seconds.
    access_token_life_time: Option<u64>,
    /// Lifetime of refresh tokens: 1 to 315360000 seconds, and longer than `accessTokenLifeTime`.
    refresh_token_life_time: Option<u64>,
    /// Lifetime of one-time tokens: 1 to 3600 seconds.
    one_time_token_life_time: Option<u64>,
}

/// The lifetimes of new tokens.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is used")]
struct CurrentSettings {
    /// Lifetime of access tokens, in seconds.
    access_token_life_time: u64,
    /// Lifetime of refresh tokens, in seconds.
    refresh_token_life_time: u64,
    /// Lifetime of one-time tokens, in seconds.
    one_time_token_life_time: u64,
}
