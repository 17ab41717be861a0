//! Tests of the token API with curl: tokens, refresh, one-time tokens, lifetimes.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::curl::{Response, curl, post};
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

fn log_in(gateway: &GatewayProcess, user: &str, password: &str) -> Response {
    post(gateway, "/auth/token", &[], json!({ "login": user, "password": password }))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

#[test]
fn a_refresh_token_may_be_in_header_bearer_or_body() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let first = log_in(&gateway, "admin", PASSWORD);
    assert_eq!((first.status, first.header("cache-control")), (200, Some("no-store")));
    assert_eq!(first.body["accessTokenLifeTime"], 1_800);
    assert_eq!(first.body["refreshTokenLifeTime"], 432_000);
    let path = "/auth/token/refresh";
    let header = format!("token: {}", first.text("refreshToken"));
    let second = curl(&gateway, path, &["-H", &header]);
    let third = curl(&gateway, path, &["-H", &bearer(second.text("refreshToken"))]);
    let body = json!({ "token": third.text("refreshToken") });
    let fourth = post(&gateway, path, &[], body);
    for pair in [&second, &third, &fourth] {
        assert_eq!((pair.status, pair.body["accessTokenLifeTime"].as_u64()), (200, Some(1_800)));
    }
    let none = curl(&gateway, path, &[]);
    assert_eq!((none.status, none.text("errorCode")), (400, "MISSING_FIELD"));
    let never = curl(&gateway, path, &["-H", "token: never"]);
    assert_eq!((never.status, never.text("errorCode")), (401, "SESSION_EXPIRED"));
}

#[test]
fn refusals_have_http_statuses_and_do_not_reveal_which_users_exist() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let [name, password] =
        [("unknown", "x"), ("admin", "x")].map(|(user, word)| log_in(&gateway, user, word));
    assert_eq!((name.status, &name.body), (401, &password.body));
    assert_eq!(name.text("errorCode"), "INCORRECT_CREDENTIALS");
    assert_eq!(name.body.as_object().unwrap().len(), 2);

    let mut wrong = Vec::new();
    let mut check = |what: &str, answer: Response, status: u16, code: &str| {
        if (answer.status, answer.body["errorCode"].as_str()) != (status, Some(code)) {
            wrong.push(format!("{what}: {} {}", answer.status, answer.body));
        }
    };
    // Locks do not reveal which users exist, either: unknown names are locked, too.
    for _ in 0..3 {
        let [name, password] =
            [("unknown", "x"), ("admin", "x")].map(|(user, word)| log_in(&gateway, user, word));
        assert_eq!((name.status, name.text("errorCode")), (401, password.text("errorCode")));
    }
    assert_eq!(log_in(&gateway, "unknown", "x").text("errorCode"), "LOCKED_ACCOUNT");

    let json = ["-H", "Content-Type: application/json", "-d"];
    let send = |path: &str, body: &str| curl(&gateway, path, &[&json[..], &[body]].concat());
    check("get", curl(&gateway, "/auth/token", &[]), 405, "INVALID_MESSAGE");
    check("put", curl(&gateway, "/connectors/settings", &["-X", "PUT"]), 405, "INVALID_MESSAGE");
    check("empty", send("/auth/token", "{}"), 400, "MISSING_FIELD");
    check("half", send("/auth/token", r#"{"login":"a"}"#), 400, "MISSING_FIELD");
    check("number", send("/auth/token", r#"{"login":"a","password":1}"#), 400, "VALIDATION_ERROR");
    let more = r#"{"login":"a","password":"b","admin":true}"#;
    check("unknown field", send("/auth/token", more), 400, "UNKNOWN_FIELD");
    let twice = r#"{"login":"admin","login":"b","password":"b"}"#;
    check("duplicate key", send("/auth/token", twice), 400, "INVALID_MESSAGE");
    check("no json", send("/auth/token", "login"), 400, "INVALID_MESSAGE");
    let form = curl(&gateway, "/auth/token", &["-d", "login=a"]);
    check("form", form, 415, "INVALID_MESSAGE");
    check("no token", curl(&gateway, "/connectors/settings", &[]), 401, "SESSION_NOT_FOUND");
    let token = curl(&gateway, "/external/token", &["-X", "POST"]);
    check("no session", token, 401, "SESSION_NOT_FOUND");
    let verify = send("/external/token/verify", r#"{"token":"x"}"#);
    check("no verifier", verify, 401, "SESSION_NOT_FOUND");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let allow = curl(&gateway, "/connectors/settings", &["-X", "DELETE"]);
    assert_eq!(allow.header("allow"), Some("GET, PATCH, OPTIONS"));
}

/// An access token authenticates on a WebSocket, too, with the rights of its user.
#[tokio::test]
async fn an_access_token_authenticates_on_every_transport() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let user = json!({ "USER_NAME": "jane", "PASSWORD": "Crescent-1" });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 1, "DETAILS": user });
    admin.ask(insert).await;
    let pair = log_in(&gateway, "jane", "Crescent-1");
    let access = pair.text("accessToken");
    let mut client = Client::connect(gateway.address).await;
    let details = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": 2,
        "SESSION_AUTH_TOKEN": access });
    let answer = client.ask(details).await;
    assert_eq!(
        (&answer["USER_NAME"], &answer["DETAILS"]["SESSION_TIMEOUT_MINS"]),
        (&json!("jane"), &json!(30))
    );
    let settings = curl(&gateway, "/connectors/settings", &["-H", &bearer(access)]);
    assert_eq!((settings.status, settings.text("errorCode")), (403, "NOT_AUTHORISED"));
    let words = ["-H", &bearer(access), "-H", "SOURCE_REF: 3"];
    let own = curl(&gateway, "/req-user?details[USER_NAME]=jane", &words);
    assert_eq!(own.body["REPLY"][0]["USER_NAME"], "jane");
    // A disabled user is refused at once.
    let disable = json!({ "MESSAGE_TYPE": "EVENT_DISABLE_USER", "SOURCE_REF": 4,
        "DETAILS": { "USER_NAME": "jane" } });
    admin.ask(disable).await;
    let own = curl(&gateway, "/req-user?details[USER_NAME]=jane", &words);
    assert_eq!(own.text("CODE"), "SESSION_NOT_FOUND");
}

fn amend(gateway: &GatewayProcess, access: &str, spec: Value) -> Response {
    let text = spec.to_string();
    let path = "/connectors/settings";
    let authorization = bearer(access);
    let words =
        ["-X", "PATCH", "-H", &authorization, "-H", "Content-Type: application/json", "-d", &text];
    curl(gateway, path, &words)
}

/// The use of an access token does not prolong its lifetime.
#[tokio::test]
async fn an_access_token_expires_at_a_fixed_time() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let admin = log_in(&gateway, "admin", PASSWORD);
    let set = amend(&gateway, admin.text("accessToken"), json!({ "accessTokenLifeTime": 3 }));
    assert_eq!((set.status, &set.body["accessTokenLifeTime"]), (200, &json!(3)));
    let pair = log_in(&gateway, "admin", PASSWORD);
    let mut client = Client::connect(gateway.address).await;
    let used = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": 1,
        "SESSION_AUTH_TOKEN": pair.text("accessToken") });
    let began = std::time::Instant::now();
    let ended = loop {
        client.send(used.clone()).await;
        let answer = client.receive().await.expect("the connection ended without SESSION_ENDED");
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the token did not expire within 30 s: {answer}"
        );
        if answer["MESSAGE_TYPE"] == "SESSION_ENDED" {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let after = began.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(8)).contains(&after), "{after:?}");
    assert_eq!(
        (&ended["DETAILS"]["REASON"], &ended["DETAILS"]["RETRY"]),
        (&json!("EXPIRED"), &json!("LOGIN"))
    );
    // The token of another session is not affected, and the expired session can be resumed.
    let still = curl(&gateway, "/connectors/settings", &["-H", &bearer(admin.text("accessToken"))]);
    assert_eq!(still.status, 200);
    let header = format!("token: {}", pair.text("refreshToken"));
    let resumed = curl(&gateway, "/auth/token/refresh", &["-H", &header]);
    assert_eq!((resumed.status, &resumed.body["accessTokenLifeTime"]), (200, &json!(3)));
}

#[test]
fn lifetimes_override_the_file_until_they_are_null_and_survive_a_restart() {
    let home = Home::new(&format!("security.access_token_life_secs = 700\n{QUICK}"));
    let gateway = home.start();
    let admin = log_in(&gateway, "admin", PASSWORD);
    let spec = json!({ "accessTokenLifeTime": 600, "oneTimeTokenLifeTime": 5 });
    let set = amend(&gateway, admin.text("accessToken"), spec);
    let expected = json!({ "accessTokenLifeTime": 600, "oneTimeTokenLifeTime": 5,
        "refreshTokenLifeTime": 432_000 });
    assert_eq!(set.body, expected);
    for (wrong, code) in [
        (json!({ "accessTokenLifeTime": 0 }), "VALIDATION_ERROR"),
        (json!({ "accessTokenLifeTime": "600" }), "VALIDATION_ERROR"),
        (json!({ "refreshTokenLifeTime": 600 }), "INVALID_PARAMETER"),
        (json!({ "lifeTime": 600 }), "UNKNOWN_FIELD"),
    ] {
        let refused = amend(&gateway, admin.text("accessToken"), wrong);
        assert_eq!((refused.status, refused.text("errorCode")), (400, code));
    }
    assert_eq!(gateway.signal("-TERM").0, Some(0));

    let gateway = home.start();
    let authorization = bearer(admin.text("accessToken"));
    let kept = curl(&gateway, "/connectors/settings", &["-H", &authorization]);
    assert_eq!(kept.body, expected);
    assert_eq!(log_in(&gateway, "admin", PASSWORD).body["accessTokenLifeTime"], 600);
    let null = json!({ "accessTokenLifeTime": null });
    let back = amend(&gateway, admin.text("accessToken"), null);
    assert_eq!(back.body["accessTokenLifeTime"], 700);
    assert_eq!(back.body["oneTimeTokenLifeTime"], 5);
}

#[test]
fn a_one_time_token_expires() {
    let keys = "security.one_time_token_secs = 3\nsecurity.one_time_token_verify_by = 'open'";
    let home = Home::new(&format!("{keys}\n{QUICK}"));
    let gateway = home.start();
    let admin = log_in(&gateway, "admin", PASSWORD);
    let make =
        || post(&gateway, "/external/token", &[&bearer(admin.text("accessToken"))], json!({}));
    let verify =
        |token: &str| post(&gateway, "/external/token/verify", &[], json!({ "token": token })).body;
    let (first, second) = (make(), make());
    assert_eq!(first.body["lifeTime"], 3);
    let good = json!({ "valid": true, "isExpired": false, "login": "admin" });
    assert_eq!(verify(first.text("token")), good);
    std::thread::sleep(Duration::from_millis(3_100));
    let over = json!({ "valid": false, "isExpired": true });
    for token in [first.text("token"), second.text("token"), "never"] {
        assert_eq!(verify(token), over);
    }
}
