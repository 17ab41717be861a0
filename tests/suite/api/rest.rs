//! Tests of the Genesis REST API with curl.
//!
//! The tests cover messages with headers and queries, HTTP statuses of invalid requests, and polled
//! data sources.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tollgate::realm::ADMINISTRATION;

use crate::harness::curl::{Response, curl, post};
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

/// [`QUICK`] with one more key in a section.
fn with(section: &str, key: &str) -> String {
    QUICK.replacen(section, &format!("{section}\n{key}"), 1)
}

fn login(gateway: &GatewayProcess) -> Response {
    let details = json!({ "DETAILS": { "USER_NAME": "admin", "PASSWORD": PASSWORD } });
    post(gateway, "/event-login-auth", &["SOURCE_REF: 123456-789041"], details)
}

fn token(login: &Response) -> String {
    format!("SESSION_AUTH_TOKEN: {}", login.text("SESSION_AUTH_TOKEN"))
}

/// Sends the samples of the Genesis REST API as documented: login, refresh, heartbeat, logout.
#[test]
fn the_documented_samples_work() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let first = login(&gateway);
    assert_eq!((first.status, first.text("MESSAGE_TYPE")), (200, "EVENT_LOGIN_AUTH_ACK"));
    assert_eq!(first.text("SOURCE_REF"), "123456-789041");
    for field in ["SESSION_AUTH_TOKEN", "REFRESH_AUTH_TOKEN", "SESSION_ID"] {
        assert_eq!(first.header(field), Some(first.text(field)));
    }
    assert_eq!(first.header("Cache-Control"), Some("no-store"));

    let again = json!({ "DETAILS": {
        "USER_NAME": "ADMIN", "REFRESH_AUTH_TOKEN": first.text("REFRESH_AUTH_TOKEN"),
    } });
    let second = post(&gateway, "/event-login-auth", &["SOURCE_REF: 123456-789042"], again);
    assert_eq!(second.text("MESSAGE_TYPE"), "EVENT_LOGIN_AUTH_ACK");
    assert_ne!(second.text("SESSION_ID"), first.text("SESSION_ID"));

    let token = token(&second);
    let beat = post(&gateway, "/gwf/event-heartbeat", &["SOURCE_REF: h", &token], json!({}));
    assert_eq!(beat.text("MESSAGE_TYPE"), "EVENT_HEARTBEAT_ACK");
    let bearer = format!("Authorization: Bearer {}", second.text("SESSION_AUTH_TOKEN"));
    let details = curl(&gateway, "/event-login-details", &["-H", "Source-Ref: d", "-H", &bearer]);
    assert_eq!(details.text("USER_NAME"), "admin");
    assert_eq!(details.header("SESSION_AUTH_TOKEN"), None);

    let session = format!("SESSION_ID: {}", second.text("SESSION_ID"));
    let words = ["SOURCE_REF: 123456-789043", session.as_str(), "USER_NAME: admin"];
    let mut logout = vec!["-X", "POST"];
    logout.extend(words.iter().flat_map(|header| ["-H", header]));
    let out = curl(&gateway, "/event-logout", &logout);
    assert_eq!(out.body, json!({ "MESSAGE_TYPE": "LOGOUT_ACK", "SOURCE_REF": "123456-789043" }));
    let ended = post(&gateway, "/event-heartbeat", &["SOURCE_REF: h", &token], json!({}));
    assert_eq!((ended.status, ended.text("CODE")), (200, "SESSION_NOT_FOUND"));
}

#[test]
fn invalid_requests_have_an_http_status() {
    let home = Home::new(&with("[server.limits]", "body_bytes = 2000"));
    let gateway = home.start();
    let reference = "SOURCE_REF: x";
    let refused = |path: &str, words: &[&str]| {
        let response = curl(&gateway, path, words);
        (response.status, response.body["CODE"].as_str().unwrap_or_default().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    let long = "x".repeat(2_001);
    assert_eq!(refused("/nowhere", &[]), is(404, "UNKNOWN_MESSAGE_TYPE"));
    assert_eq!(refused("/event-login-auth", &[]), is(405, "INVALID_MESSAGE"));
    let no_ref = ["-X", "POST", "-d", "{}", "-H", "Content-Type: application/json"];
    assert_eq!(refused("/event-heartbeat", &no_ref), is(400, "NO_SOURCE_REF"));
    let json = "Content-Type: application/json";
    for (body, status) in [("{", 400), (r#"{"A":1,"A":2}"#, 400), (long.as_str(), 413)] {
        let words = ["-H", reference, "-H", json, "-d", body];
        assert_eq!(refused("/event-heartbeat", &words), is(status, "INVALID_MESSAGE"), "{body}");
    }
    let chunked = ["-H", reference, "-H", json, "-H", "Transfer-Encoding: chunked", "-d", &long];
    assert_eq!(refused("/event-heartbeat", &chunked), is(413, "INVALID_MESSAGE"));
    assert_eq!(
        refused("/event-heartbeat", &["-H", reference, "-H", "Content-Type: text/xml", "-d", "{}"]),
        is(415, "INVALID_MESSAGE")
    );
    let url = "/event-login-prefs?SESSION_AUTH_TOKEN=abc";
    assert_eq!(refused(url, &["-H", reference]), is(400, "INVALID_PARAMETER"));
    let twice = ["-H", reference, "-H", json, "-d", r#"{"SOURCE_REF":"y"}"#];
    assert_eq!(refused("/event-heartbeat", &twice), is(400, "INVALID_PARAMETER"));
    let other = ["-H", reference, "-H", json, "-d", r#"{"MESSAGE_TYPE":"EVENT_LOGOUT"}"#];
    assert_eq!(refused("/event-heartbeat", &other), is(400, "INVALID_PARAMETER"));
    assert_eq!(curl(&gateway, "/", &[]).status, 426);
    let post = curl(&gateway, "/ws", &["-X", "POST"]);
    assert_eq!((post.status, post.header("Allow")), (405, Some("GET, OPTIONS")));
}

#[test]
fn a_body_of_invalid_chunks_is_refused() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let request = "POST /event-heartbeat HTTP/1.1\r\nHost: x\r\nSOURCE_REF: 1\r\n\
        Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\n{}\r\nno size\r\n\r\n";
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    assert!(response.contains("INVALID_MESSAGE") && response.contains("chunked"), "{response}");
}

/// Request smuggling: if the length of a body is ambiguous, the bytes after it must not be read as
/// a request.
#[test]
fn nothing_is_smuggled_after_a_body_of_ambiguous_length() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    for lengths in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
    ] {
        let smuggled = "GET /event-login-prefs HTTP/1.1\r\nHost: x\r\nSOURCE_REF: 2\r\n\r\n";
        let request = format!(
            "POST /event-heartbeat HTTP/1.1\r\nHost: x\r\nSOURCE_REF: 1\r\n{lengths}\r\n\
             2\r\n{{}}\r\n0\r\n\r\n{smuggled}"
        );
        let mut stream = TcpStream::connect(gateway.address).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{lengths}{answers}");
    }
}

#[test]
fn a_nack_has_its_http_status_if_configured() {
    let home = Home::new(&with("[server]", "strict_http_status = true"));
    let gateway = home.start();
    let none = post(&gateway, "/event-login-details", &["SOURCE_REF: 1"], json!({}));
    assert_eq!((none.status, none.text("CODE")), (401, "SESSION_NOT_FOUND"));
    let wrong = json!({ "DETAILS": { "USER_NAME": "admin", "PASSWORD": "wrong" } });
    let wrong = post(&gateway, "/event-login-auth", &["SOURCE_REF: 1"], wrong);
    assert_eq!((wrong.status, wrong.text("CODE")), (401, "INCORRECT_CREDENTIALS"));
    assert_eq!(login(&gateway).status, 200);
}

#[test]
fn only_allowed_origins_may_send_and_read() {
    let origin = "https://desk.example";
    let home = Home::new(&with("[server]", &format!("allowed_origins = ['{origin}']")));
    let gateway = home.start();
    let request = |origin: &str, method: &str| {
        let header = format!("Origin: {origin}");
        curl(&gateway, "/event-login-prefs", &["-X", method, "-H", &header, "-H", "SOURCE_REF: 1"])
    };
    let answer = request(origin, "GET");
    assert_eq!((answer.status, answer.header("Access-Control-Allow-Origin")), (200, Some(origin)));
    assert!(answer.header("Access-Control-Expose-Headers").unwrap().contains("SESSION_ID"));
    let preflight = request(origin, "OPTIONS");
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("Access-Control-Allow-Headers").unwrap().contains("SOURCE_REF"));
    for hostile in ["https://desk.example.evil", "null", "http://desk.example"] {
        let answer = request(hostile, "GET");
        assert_eq!((answer.status, answer.header("Access-Control-Allow-Origin")), (403, None));
    }
}

/// POST subscribes, GET polls, PUT requests more rows, DELETE unsubscribes. The next poll returns a
/// right that was granted or revoked.
#[test]
fn data_sources_are_polled() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let token = token(&login(&gateway));
    let request = |method: &str, path: &str, source_ref: &str| {
        let header = format!("SOURCE_REF: {source_ref}");
        curl(&gateway, path, &["-X", method, "-H", &header, "-H", &token])
    };
    let headers = ["SOURCE_REF: rights", token.as_str()];
    let logon = json!({ "DETAILS": { "CRITERIA_MATCH": "CODE.startsWith('OR')" } });
    let first = post(&gateway, "/user-rights", &headers, logon.clone());
    assert_eq!((first.text("MESSAGE_TYPE"), &first.body["ROW"]), ("QUERY_UPDATE", &json!([])));
    let second = post(&gateway, "/user-rights", &headers, logon);
    assert_eq!((second.status, second.text("MESSAGE_TYPE")), (200, "LOGON_NACK"));

    let event = |path: &str, details: Value| {
        let done = post(&gateway, path, &["SOURCE_REF: e", &token], json!({ "DETAILS": details }));
        assert!(done.text("MESSAGE_TYPE").ends_with("_ACK"), "{}", done.body);
    };
    event("/event-insert-right", json!({ "CODE": "ORDEN" }));
    event("/event-amend-user", json!({ "USER_NAME": "admin", "RIGHT_CODES": ["ORDEN"] }));
    let granted = request("GET", "/user-rights", "rights");
    assert_eq!(granted.body["ROW"][0]["DETAILS"]["OPERATION"], "INSERT");
    assert_eq!(granted.body["ROW"][0]["DETAILS"]["CODE"], "ORDEN");
    assert_eq!(request("GET", "/user-rights", "rights").body["ROW"], json!([]));
    event("/event-amend-user", json!({ "USER_NAME": "admin", "RIGHT_CODES": [] }));
    let revoked = request("GET", "/user-rights", "rights");
    assert_eq!(revoked.body["ROW"][0]["DETAILS"]["OPERATION"], "DELETE");

    let few = json!({ "DETAILS": { "MAX_ROWS": 2 } });
    let few = post(&gateway, "/all-rights", &["SOURCE_REF: all", &token], few);
    assert_eq!((&few.body["ROWS_COUNT"], &few.body["MORE_ROWS"]), (&json!(2), &json!(true)));
    let more = curl(
        &gateway,
        "/all-rights",
        &["-X", "PUT", "-H", "SUBSCRIPTION_REF: all", "-H", "SOURCE_REF: z", "-H", &token],
    );
    assert_eq!((more.text("SOURCE_REF"), &more.body["ROWS_COUNT"]), ("all", &json!(2)));

    let off = request("DELETE", "/user-rights", "rights");
    assert_eq!(off.body, json!({ "MESSAGE_TYPE": "LOGOFF_ACK", "SOURCE_REF": "rights" }));
    assert_eq!(request("GET", "/user-rights", "rights").text("CODE"), "INVALID_DATASOURCE");
    let without_session = curl(&gateway, "/user-rights", &["-H", "SOURCE_REF: all"]);
    assert_eq!(without_session.text("CODE"), "SESSION_NOT_FOUND");
}

#[test]
fn a_subscription_that_is_not_polled_expires() {
    let home = Home::new(&with("[server.limits]", "polling_timeout_secs = 1"));
    let gateway = home.start();
    let token = token(&login(&gateway));
    let headers = ["SOURCE_REF: r", token.as_str()];
    assert_eq!(
        post(&gateway, "/all-rights", &headers, json!({})).body["ROWS_COUNT"],
        ADMINISTRATION.len()
    );
    // Once the subscription has expired, its SOURCE_REF can be used again.
    let free = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        post(&gateway, "/all-rights", &headers, json!({})).text("MESSAGE_TYPE") == "QUERY_UPDATE"
    });
    assert!(free, "the subscription did not expire within 10 s");
}

/// A token from REST authenticates a WebSocket. A logout over REST ends the session on both.
#[tokio::test]
async fn both_transports_share_sessions() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let session = login(&gateway);
    let token = session.text("SESSION_AUTH_TOKEN");
    let mut client = Client::connect(gateway.address).await;
    let bound = json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SESSION_AUTH_TOKEN": token });
    assert_eq!(client.ask(bound).await["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
    let header = format!("SESSION_AUTH_TOKEN: {token}");
    let out = post(&gateway, "/event-logout", &["SOURCE_REF: o", &header], json!({}));
    assert_eq!(out.text("MESSAGE_TYPE"), "LOGOUT_ACK");
    let ended = client.receive().await.unwrap();
    assert_eq!(ended["MESSAGE_TYPE"], "SESSION_ENDED");
}
