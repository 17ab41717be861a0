//! Tests of who sends a request: headers, secrets in URLs, USER_NAME at the root.

use serde_json::{Value, json};

use crate::harness::curl::{Response, curl, post};
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

fn login(gateway: &GatewayProcess, user: &str) -> Response {
    let details = json!({ "DETAILS": { "USER_NAME": user, "PASSWORD": PASSWORD } });
    post(gateway, "/event-login-auth", &["SOURCE_REF: 1"], details)
}

#[test]
fn a_secret_in_a_url_is_refused_and_not_repeated() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    for path in [
        "/event-login-auth?details[USER_NAME]=admin&details[PASSWORD]=s3cret",
        "/event-login-auth?DETAILS.password=s3cret",
        "/event-change-user-password?details[OLD_PASSWORD]=s3cret",
        "/gwf/event-change-user-password?details[new-password]=s3cret",
        "/event-mfa-confirm-secret?details%5BMFA_CODE%5D=s3cret",
        "/event-heartbeat?SESSION_AUTH_TOKEN=s3cret",
        "/event-login-auth?details[Refresh-Auth-Token]=s3cret",
        "/all-rights?details[SESSION_AUTH_TOKEN]=s3cret",
    ] {
        let refused = post(&gateway, path, &["SOURCE_REF: 1"], json!({}));
        assert_eq!((refused.status, refused.text("CODE")), (400, "INVALID_PARAMETER"), "{path}");
        assert!(refused.text("TEXT").contains("URL"), "{path}: {}", refused.body);
        assert!(!refused.body.to_string().contains("s3cret"), "{path}");
    }
    for path in ["/auth/token?password=s3cret", "/auth/token/refresh?token=s3cret"] {
        let body = json!({ "login": "admin", "password": PASSWORD });
        let refused = post(&gateway, path, &[], body);
        assert_eq!((refused.status, refused.text("errorCode")), (400, "INVALID_PARAMETER"));
    }
    let upgrade = ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    let mut words: Vec<&str> = upgrade.iter().flat_map(|header| ["-H", *header]).collect();
    words.extend(["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]);
    assert_eq!(curl(&gateway, "/ws?session_auth_token=s3cret", &words).status, 400);
}

#[test]
fn headers_that_contradict_each_other_are_refused() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let own = login(&gateway, "admin");
    let token = own.text("SESSION_AUTH_TOKEN");
    let (bearer, session) =
        (format!("Authorization: Bearer {token}"), format!("SESSION_AUTH_TOKEN: {token}"));
    let send = |headers: &[&str]| {
        let headers = [&["SOURCE_REF: 1"], headers].concat();
        post(&gateway, "/event-login-details", &headers, json!({})).body["CODE"].clone()
    };
    assert_eq!(send(&[&bearer, &bearer, &session, "USER_NAME: admin"]), Value::Null);
    for other in [
        "Authorization: Bearer x",
        "SESSION_AUTH_TOKEN: x",
        "session-auth-token: x",
        "USER-NAME: other",
    ] {
        for both in [[&bearer, "USER_NAME: admin", other], [other, "USER_NAME: admin", &bearer]] {
            assert_eq!(send(&both), "INVALID_PARAMETER", "{both:?}");
        }
    }
    let refresh = post(&gateway, "/auth/token/refresh", &["token: a", "token: b"], json!({}));
    assert_eq!((refresh.status, refresh.text("errorCode")), (400, "INVALID_PARAMETER"));
}

#[test]
fn the_header_of_a_refresh_token_belongs_to_logins() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let first = login(&gateway, "admin");
    let refresh =
        |login: &Response| format!("REFRESH_AUTH_TOKEN: {}", login.text("REFRESH_AUTH_TOKEN"));
    let session = format!("SESSION_AUTH_TOKEN: {}", first.text("SESSION_AUTH_TOKEN"));
    // With any other message, the header is ignored.
    for path in ["/event-heartbeat", "/event-login-details", "/all-rights"] {
        let headers = ["SOURCE_REF: 1", session.as_str(), &refresh(&first)];
        let done = post(&gateway, path, &headers, json!({}));
        assert_eq!(done.body["CODE"], Value::Null, "{path}: {}", done.body);
    }
    let headers = ["SOURCE_REF: 1", &refresh(&first)];
    let second = post(&gateway, "/event-login-auth", &headers, json!({}));
    assert_eq!(second.text("MESSAGE_TYPE"), "EVENT_LOGIN_AUTH_ACK");
    // The header is filled in where DETAILS has neither a token nor a password.
    let headers = ["SOURCE_REF: 1", &refresh(&second)];
    let named = json!({ "DETAILS": { "USER_NAME": "admin", "REFRESH_AUTH_TOKEN": null } });
    let third = post(&gateway, "/event-login-refresh", &headers, named);
    assert_eq!(third.text("MESSAGE_TYPE"), "EVENT_LOGIN_AUTH_ACK");
    let wrong = json!({ "DETAILS": { "USER_NAME": "admin", "PASSWORD": "wrong" } });
    let headers = ["SOURCE_REF: 1", &refresh(&third)];
    let refused = post(&gateway, "/event-login-auth", &headers, wrong);
    assert_eq!(refused.text("CODE"), "INCORRECT_CREDENTIALS");
}

#[tokio::test]
async fn a_session_sends_no_other_user_name() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let mut send = async |name: &str, user: &str, details: Value| {
        let message = json!({
            "MESSAGE_TYPE": name, "SOURCE_REF": 1, "USER_NAME": user, "DETAILS": details,
        });
        admin.ask(message).await["CODE"].clone()
    };
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    assert_eq!(send("EVENT_INSERT_USER", "admin", jane.clone()).await, Value::Null);
    let other = json!({ "USER_NAME": "jane" });
    let reset = json!({ "USER_NAME": "jane", "RESET_TOKEN": "x", "NEW_PASSWORD": "x" });
    for (name, details) in [
        ("EVENT_HEARTBEAT", json!({})),
        ("HEARTBEAT_PING", json!({})),
        ("EVENT_LOGIN_PREFS", json!({})),
        ("EVENT_LOGIN_DETAILS", json!({})),
        ("EVENT_SELF_SERVICE_PASSWORD_RESET", other.clone()),
        ("EVENT_PASSWORD_RESET_ACTION", reset),
        ("EVENT_MFA_CREATE_SECRET", other.clone()),
        ("RESOURCES_REQUEST", json!({})),
    ] {
        assert_eq!(send(name, "jane", details.clone()).await, "NOT_AUTHORISED", "{name}");
        assert_ne!(send(name, "ADMIN", details).await, "NOT_AUTHORISED", "{name}");
    }
    // Here the root names the target, or the user of a login that binds the connection again.
    let change = json!({ "OLD_PASSWORD": "wrong", "NEW_PASSWORD": "Another-Password-7" });
    let changed = send("EVENT_CHANGE_USER_PASSWORD", "jane", change).await;
    assert_eq!(changed, "INCORRECT_CREDENTIALS");
    let session = json!({ "SESSION_ID": "00000000-0000-4000-8000-000000000001" });
    assert_eq!(send("EVENT_LOGOUT", "jane", session).await, "SESSION_NOT_FOUND");
    assert_eq!(send("EVENT_LOGIN_AUTH", "jane", jane).await, Value::Null);
    assert_eq!(send("EVENT_LOGIN_DETAILS", "jane", json!({})).await, Value::Null);
    assert_eq!(send("EVENT_LOGIN_DETAILS", "admin", json!({})).await, "NOT_AUTHORISED");
}

/// A name with a character without width looks like another name.
#[tokio::test]
async fn new_names_have_no_hidden_characters() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let mut send = async |name: &str, details: Value| {
        let message = json!({ "MESSAGE_TYPE": name, "SOURCE_REF": 1, "DETAILS": details });
        admin.ask(message).await
    };
    let made = send("EVENT_INSERT_PROFILE", json!({ "NAME": "TRÄDER" })).await;
    let id = made["GENERATED"][0]["ID"].as_str().or(made["DETAILS"]["ID"].as_str());
    let id = id.unwrap_or_else(|| panic!("no id in {made}")).to_owned();
    for hidden in ["\u{200b}", "\u{200d}", "\u{2060}", "\u{feff}", "\u{202e}", "\u{2066}", "\u{ad}"]
    {
        let name = format!("TRA{hidden}DER");
        for (event, details) in [
            ("EVENT_INSERT_USER", json!({ "USER_NAME": name })),
            ("EVENT_INSERT_PROFILE", json!({ "NAME": name })),
            ("EVENT_AMEND_PROFILE", json!({ "ID": id, "NAME": name })),
            ("EVENT_INSERT_RIGHT", json!({ "CODE": name })),
        ] {
            let refused = send(event, details).await;
            assert_eq!(refused["CODE"], "VALIDATION_ERROR", "{event} {name:?}: {refused}");
        }
    }
}
