//! Tests of the login gate: every token-issuing path, for every state of a user.
//!
//! A test finds the paths by their schemas, and fails for a path without an entry in `CELLS`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate::messages::{HANDLERS, ROUTES};

use crate::harness::authenticator::totp;
use crate::harness::curl::{self, Response};
use crate::harness::{Client, GatewayProcess, Home, PASSWORD};

/// The states of a user. In the state `SECOND` a second factor is enrolled, which ends the
/// sessions.
const STATES: [&str; 7] =
    ["ENABLED", "DISABLED", "LOCKED", "EXPIRED", "RESET", "DELETED", "SECOND"];

const OK: &str = "OK";
const NONE: &str = "-";
const LOCKED: &str = "LOCKED_ACCOUNT";
const EXPIRED: &str = "PASSWORD_EXPIRED";
const ENDED: &str = "SESSION_EXPIRED";
const WRONG: &str = "INCORRECT_CREDENTIALS";
const MISSING: &str = "SESSION_NOT_FOUND";
const UNKNOWN: &str = "UNKNOWN_ACCOUNT";
const MFA: &str = "MFA_FAILED";

/// A path, its message or route, and the expected result in each of [`STATES`].
#[rustfmt::skip]
const CELLS: &[(Path, &str, [&str; 7])] = &[
    (Path::Login, "EVENT_LOGIN_AUTH", [OK, LOCKED, LOCKED, EXPIRED, WRONG, UNKNOWN, MFA]),
    (Path::Refresh, "EVENT_LOGIN_AUTH", [OK, ENDED, OK, OK, ENDED, ENDED, ENDED]),
    (Path::Resume, "EVENT_LOGIN_AUTH", [OK, ENDED, LOCKED, EXPIRED, ENDED, ENDED, ENDED]),
    (Path::Details, "EVENT_LOGIN_DETAILS",
     [NONE, MISSING, NONE, NONE, MISSING, MISSING, MISSING]),
    (Path::OneTime, "EVENT_CREATE_ONE_TIME_TOKEN",
     [OK, MISSING, OK, OK, MISSING, MISSING, MISSING]),
    (Path::AuthToken, "/auth/token", [OK, LOCKED, LOCKED, EXPIRED, WRONG, WRONG, MFA]),
    (Path::AuthRefresh, "/auth/token/refresh", [OK, ENDED, LOCKED, EXPIRED, ENDED, ENDED, ENDED]),
    (Path::ExternalToken, "/external/token", [OK, MISSING, OK, OK, MISSING, MISSING, MISSING]),
];

#[derive(Debug, Clone, Copy)]
enum Path {
    /// Login by password.
    Login,
    /// Login by the refresh token of a live session.
    Refresh,
    /// Login by the refresh token of a dormant session: one that has ended, but can be
    /// resumed by this token.
    Resume,
    /// Repetition of the reply to the login, without tokens.
    Details,
    /// Creation of a one-time token in a live session.
    OneTime,
    /// Login over the token API, by password.
    AuthToken,
    /// Refresh over the token API, of a dormant session.
    AuthRefresh,
    /// Creation of a one-time token over the token API, in a live session.
    ExternalToken,
}

/// Whether a schema has a string field with TOKEN in its name.
fn issues(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(key, inner)| {
            let types = inner["type"].to_string();
            let is_token = key.to_ascii_uppercase().contains("TOKEN") && types.contains("string");
            is_token || issues(inner)
        }),
        Value::Array(list) => list.iter().any(issues),
        _ => false,
    }
}

#[test]
fn every_path_that_could_issue_a_token_is_tested() {
    let messages = HANDLERS.iter().filter(|row| issues((row.schemas)().1.as_value()));
    let routes = ROUTES.iter().filter(|route| issues((route.schemas)().1.as_value()));
    let found: BTreeSet<_> = messages.map(|row| row.name).chain(routes.map(|it| it.path)).collect();
    let known: BTreeSet<_> = CELLS.iter().map(|(_, name, _)| *name).collect();
    assert_eq!(found, known, "CELLS does not match the paths that issue tokens");
}

/// A user, with tokens that were issued before the change of state.
struct User {
    name: String,
    token: Value,
    refresh: Value,
    /// Refresh tokens of sessions that are dormant once their access tokens have expired.
    dormant: Vec<Value>,
}

async fn prepare(gateway: &GatewayProcess, admin: &mut Client, state: &str) -> User {
    let name = state.to_lowercase();
    let user = json!({ "USER_NAME": name, "PASSWORD": "Crescent-1" });
    event(admin, "EVENT_INSERT_USER", user).await;
    let login = json!({ "login": name, "password": "Crescent-1" });
    let mut dormant = Vec::new();
    for _ in 0..2 {
        let pair = curl::post(gateway, "/auth/token", &[], login.clone());
        dormant.push(pair.body["refreshToken"].clone());
    }
    let mut client = Client::connect(gateway.address).await;
    let ack = client.ask(by_password(&name, "Crescent-1")).await;
    let [token, refresh] = ["SESSION_AUTH_TOKEN", "REFRESH_AUTH_TOKEN"].map(|it| ack[it].clone());
    User { name, token, refresh, dormant }
}

fn by_password(user: &str, password: &str) -> Value {
    json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
        "DETAILS": { "USER_NAME": user, "PASSWORD": password } })
}

async fn event(client: &mut Client, name: &str, details: Value) {
    let answer =
        client.ask(json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })).await;
    assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
}

/// A configuration that accepts codes of the 10 periods before and after, so that no test waits for
/// the next code.
const MFA_CONFIGURATION: &str = "[server]\nmanagement_listen = ''\n[server.limits]\n\
    exempt_addresses = ['127.0.0.0/8']\n[security.scrypt]\nlog_n = 4\nr = 8\np = 1\n\
    [security.mfa.qr_code]\ncode_period_discrepancy = 10\n";

/// Enrols a second factor for a user, as an administrator. Returns the secret.
async fn enrol(admin: &mut Client, name: &str) -> String {
    let create = json!({ "MESSAGE_TYPE": "EVENT_MFA_CREATE_SECRET", "SOURCE_REF": 1,
        "DETAILS": { "USER_NAME": name } });
    let secret = admin.ask(create).await["DETAILS"]["SECRET"].as_str().unwrap().to_owned();
    let confirm = json!({ "USER_NAME": name, "MFA_CODE": totp(&secret, -240) });
    event(admin, "EVENT_MFA_CONFIRM_SECRET", confirm).await;
    secret
}

async fn enter(gateway: &GatewayProcess, admin: &mut Client, state: &str, user: &User) {
    let target = json!({ "USER_NAME": user.name });
    match state {
        "DISABLED" => event(admin, "EVENT_DISABLE_USER", target).await,
        "EXPIRED" => event(admin, "EVENT_EXPIRE_USER_PASSWORD", target).await,
        "RESET" => event(admin, "EVENT_RESET_USER_PASSWORD", target).await,
        "SECOND" => drop(enrol(admin, &user.name).await),
        "DELETED" => event(admin, "EVENT_DELETE_USER", target).await,
        "LOCKED" => {
            let mut attacker = Client::connect(gateway.address).await;
            for _ in 0..3 {
                attacker.ask(by_password(&user.name, "wrong")).await;
            }
        }
        _ => {}
    }
}

/// Tries to get a token by `path`. Returns `OK` if the path issued a token, `-` if it succeeded
/// without one, otherwise the code of the refusal.
async fn walk(gateway: &GatewayProcess, path: Path, user: &User) -> String {
    let by_refresh = |token: &Value| {
        json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
            "DETAILS": { "REFRESH_AUTH_TOKEN": token } })
    };
    let with_session = |name: &str| {
        let token = &user.token;
        json!({ "MESSAGE_TYPE": name, "SOURCE_REF": 1, "SESSION_AUTH_TOKEN": token })
    };
    let mut client = Client::connect(gateway.address).await;
    let body = |answer: Response| answer.body;
    let answer = match path {
        Path::Login => client.ask(by_password(&user.name, "Crescent-1")).await,
        Path::Refresh => client.ask(by_refresh(&user.refresh)).await,
        Path::Resume => client.ask(by_refresh(&user.dormant[0])).await,
        Path::Details => client.ask(with_session("EVENT_LOGIN_DETAILS")).await,
        Path::OneTime => client.ask(with_session("EVENT_CREATE_ONE_TIME_TOKEN")).await,
        Path::AuthToken => {
            let login = json!({ "login": user.name, "password": "Crescent-1" });
            body(curl::post(gateway, "/auth/token", &[], login))
        }
        Path::AuthRefresh => {
            let token = format!("token: {}", user.dormant[1].as_str().unwrap());
            body(curl::curl(gateway, "/auth/token/refresh", &["-H", &token]))
        }
        Path::ExternalToken => {
            let bearer = format!("Authorization: Bearer {}", user.token.as_str().unwrap());
            body(curl::post(gateway, "/external/token", &[&bearer], json!({})))
        }
    };
    let code = answer["CODE"].as_str().or(answer["errorCode"].as_str());
    let tokens = [
        &answer["SESSION_AUTH_TOKEN"],
        &answer["DETAILS"]["TOKEN"],
        &answer["accessToken"],
        &answer["token"],
    ];
    match (code, tokens.iter().any(|token| token.is_string())) {
        (Some(code), false) => code.to_owned(),
        (None, true) => "OK".to_owned(),
        (None, false) => "-".to_owned(),
        (Some(code), true) => format!("{code}, and a token: {answer}"),
    }
}

#[tokio::test]
async fn no_path_issues_a_token_where_it_should_not() {
    let home = Home::new(MFA_CONFIGURATION);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    // Access tokens of the token API expire after one second; then their sessions are dormant.
    // Sessions of a WebSocket stay live.
    let lifetimes = json!({ "ACCESS_TOKEN_LIFE_TIME": 1 });
    event(&mut admin, "EVENT_AMEND_CONNECTOR_SETTINGS", lifetimes).await;
    let mut wrong = Vec::new();
    // Each combination of path and state has a user of its own, so that none affects another.
    let mut users = Vec::new();
    for (number, (path, _, expected)) in CELLS.iter().enumerate() {
        for (state, expected) in STATES.iter().zip(expected) {
            let user = prepare(&gateway, &mut admin, &format!("{state}.{number}")).await;
            users.push((*path, *state, *expected, user));
        }
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    for (path, state, expected, user) in &users {
        enter(&gateway, &mut admin, state, user).await;
        let received = walk(&gateway, *path, user).await;
        if received != *expected {
            wrong.push(format!("{path:?}, user {state}: received {received}, expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The completion of a pending login must pass the login gate, too.
#[tokio::test]
async fn a_pending_login_is_completed_only_if_a_login_would_succeed() {
    // Without the state SECOND: all users of this test have a second factor.
    let expected = [OK, LOCKED, LOCKED, EXPIRED, ENDED, ENDED];
    let home = Home::new(MFA_CONFIGURATION);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for (state, expected) in STATES.iter().zip(expected) {
        let user = prepare(&gateway, &mut admin, state).await;
        let secret = enrol(&mut admin, &user.name).await;
        let mut client = Client::connect(gateway.address).await;
        let pending = client.ask(by_password(&user.name, "Crescent-1")).await;
        assert_eq!(pending["CODE"], MFA, "{pending}");
        enter(&gateway, &mut admin, state, &user).await;
        let details = json!({ "REFRESH_AUTH_TOKEN": pending["REFRESH_AUTH_TOKEN"],
            "MFA_CODE": totp(&secret, -120) });
        let mut finish = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 2 });
        finish["DETAILS"] = details;
        let answer = client.ask(finish).await;
        let code = answer["CODE"].as_str().unwrap_or(OK);
        assert_eq!(code, expected, "{state}: {answer}");
        assert_eq!(answer["SESSION_AUTH_TOKEN"].is_string(), expected == OK, "{answer}");
    }
}
