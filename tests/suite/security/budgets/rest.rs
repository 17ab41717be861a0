//! Tests of the size limits of REST requests without a session.

use serde_json::{Value, json};

use crate::harness::curl::{Response, post};
use crate::harness::{GatewayProcess, Home, PASSWORD, QUICK};

fn large_heartbeat(gateway: &GatewayProcess, header: &str, token: &Value) -> Response {
    let body = json!({ "SESSION_AUTH_TOKEN": token, "PADDING": "x".repeat(20_000) });
    post(gateway, "/event-heartbeat", &["SOURCE_REF: 1", header], body)
}

#[test]
fn a_large_body_needs_a_valid_token_in_a_header() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let details = json!({ "DETAILS": { "USER_NAME": "admin", "PASSWORD": PASSWORD } });
    let login = post(&gateway, "/event-login-auth", &["SOURCE_REF: 1"], details);
    let token = login.text("SESSION_AUTH_TOKEN");
    for header in [format!("SESSION_AUTH_TOKEN: {token}"), format!("Authorization: Bearer {token}")]
    {
        let ack = large_heartbeat(&gateway, &header, &Value::Null);
        assert_eq!((ack.status, ack.text("MESSAGE_TYPE")), (200, "EVENT_HEARTBEAT_ACK"));
    }
    for (header, token) in [
        ("X-Other: 1", Value::Null),
        ("X-Other: 1", token.into()),
        ("SESSION_AUTH_TOKEN: 00000000-0000-0000-0000-000000000000", Value::Null),
    ] {
        let refused = large_heartbeat(&gateway, header, &token);
        assert_eq!(refused.status, 413, "{header}");
        let text = refused.text("TEXT");
        assert!(text.contains("16384 bytes") && text.contains("in the header"), "{text}");
    }
    let padded = json!({ "login": "admin", "password": PASSWORD, "more": "x".repeat(20_000) });
    assert_eq!(post(&gateway, "/auth/token", &[], padded).status, 413);
}
