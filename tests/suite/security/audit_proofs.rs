//! Tests of the audit trail: proofs of logins, wrong tokens, resets asked for, dry runs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::clients::rows;
use crate::harness::{Client, Home, PASSWORD, QUICK};

fn message(name: &str, details: Value) -> Value {
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })
}

/// Sends a message and checks that it succeeds.
async fn done(client: &mut Client, message: Value) -> Value {
    let answer = client.ask(message).await;
    assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
    answer
}

/// Waits until the audit trail has a row with this event and code, and returns the newest.
async fn row(admin: &mut Client, event: &str, code: &str) -> Value {
    for _ in 0..100 {
        let found = rows(admin, "AUDIT_EVENTS").await;
        admin.ask(json!({ "MESSAGE_TYPE": "DATA_LOGOFF", "SOURCE_REF": "AUDIT_EVENTS" })).await;
        let is_wanted = |row: &&Value| row["EVENT"] == event && row["CODE"] == code;
        if let Some(row) = found.iter().find(is_wanted) {
            return row.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no row of {event} with {code}");
}

fn after(row: &Value) -> Value {
    serde_json::from_str(row["AFTER"].as_str().unwrap_or("{}")).unwrap()
}

/// Checks user, target and address of a row.
fn check_subject(row: &Value, user: Option<&str>, target: &str) {
    assert_eq!(row["USER_NAME"].as_str(), user, "{row}");
    assert_eq!(row["TARGET"], target, "{row}");
    assert_eq!(row["HOST"], "127.0.0.1", "{row}");
}

#[tokio::test]
async fn rows_of_logins_name_proof_and_factor() {
    let home = Home::new(&format!("{QUICK}[security]\nreset_mode = 'one_time_password'\n"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let login = row(&mut admin, "EVENT_LOGIN_AUTH", "OK").await;
    assert_eq!([&login["PROOF"], &login["FACTOR"]], ["PASSWORD", "NONE"], "{login}");
    let mut jane = Client::connect(gateway.address).await;
    let user = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    let inserted = done(&mut admin, message("EVENT_INSERT_USER", user.clone())).await;
    assert!(inserted["DETAILS"]["ONE_TIME_PASSWORD"].is_null(), "{inserted}");
    let ack = done(&mut jane, message("EVENT_LOGIN_AUTH", user)).await;
    let token = json!({ "REFRESH_AUTH_TOKEN": ack["REFRESH_AUTH_TOKEN"] });
    let mut other = Client::connect(gateway.address).await;
    done(&mut other, message("EVENT_LOGIN_AUTH", token)).await;
    let refreshed = row(&mut admin, "EVENT_LOGIN_AUTH", "OK").await;
    assert_eq!([&refreshed["PROOF"], &refreshed["FACTOR"]], ["REFRESH", "NONE"], "{refreshed}");

    let user = json!({ "USER_NAME": "jane" });
    let ack = done(&mut admin, message("EVENT_RESET_USER_PASSWORD", user)).await;
    let once = ack["DETAILS"]["ONE_TIME_PASSWORD"].clone();
    let user = json!({ "USER_NAME": "jane", "PASSWORD": once });
    let mut client = Client::connect(gateway.address).await;
    assert_eq!(client.ask(message("EVENT_LOGIN_AUTH", user)).await["CODE"], "PASSWORD_EXPIRED");
    let refused = row(&mut admin, "EVENT_LOGIN_AUTH", "PASSWORD_EXPIRED").await;
    assert_eq!((&refused["PROOF"], refused["FACTOR"].is_null()), (&json!("ONE_TIME"), true));
    let change = json!({ "USER_NAME": "jane", "OLD_PASSWORD": once, "NEW_PASSWORD": "Another-1" });
    done(&mut client, message("EVENT_CHANGE_USER_PASSWORD", change)).await;
    let changed = row(&mut admin, "EVENT_CHANGE_USER_PASSWORD", "OK").await;
    assert_eq!(changed["PROOF"], "ONE_TIME", "{changed}");

    gateway.signal("-TERM");
    let show = |words: &[&str]| {
        let output = home.command(&[&["audit", "show", "--user", "jane"], words].concat());
        String::from_utf8({ output }.output().unwrap().stdout).unwrap()
    };
    let text = show(&[]);
    assert!(text.contains(" jane from 127.0.0.1 by PASSWORD with NONE after {"), "{text}");
    assert!(text.contains(" jane from 127.0.0.1 by ONE_TIME "), "{text}");
    let json = show(&["--json"]);
    assert!(json.contains("\"PROOF\":\"REFRESH\"") && json.contains("\"FACTOR\":\"NONE\""));
}

const BY_MAIL: &str = "[mail]\ntransport = 'file'\nfile = { folder = 'outbox' }\n\
    [security]\none_time_token_verify_by = 'open'\n\
    [security.genesis_password.self_service_reset]\n";

#[tokio::test]
async fn wrong_tokens_and_resets_asked_for_have_rows() {
    let home = Home::new(&format!("{QUICK}{BY_MAIL}"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD,
        "EMAIL_ADDRESS": "jane.doe@genesis.global" });
    done(&mut admin, message("EVENT_INSERT_USER", jane)).await;
    let mut client = Client::connect(gateway.address).await;

    let wrong = json!({ "USER_NAME": "jane", "RESET_TOKEN": "wrong", "NEW_PASSWORD": "Another-1" });
    let answer = client.ask(message("EVENT_PASSWORD_RESET_ACTION", wrong)).await;
    assert_eq!(answer["CODE"], "INVALID_TOKEN", "{answer}");
    let found = row(&mut admin, "EVENT_PASSWORD_RESET_ACTION", "INVALID_TOKEN").await;
    check_subject(&found, Some("jane"), "jane");

    let wrong = json!({ "TOKEN": "wrong" });
    let answer = client.ask(message("EVENT_VERIFY_ONE_TIME_TOKEN", wrong)).await;
    assert_eq!(answer["DETAILS"]["VALID"], false, "{answer}");
    let found = row(&mut admin, "EVENT_VERIFY_ONE_TIME_TOKEN", "INVALID_TOKEN").await;
    assert_eq!((&found["HOST"], &found["TARGET"]), (&json!("127.0.0.1"), &Value::Null));

    let event = "EVENT_SELF_SERVICE_PASSWORD_RESET";
    done(&mut client, message(event, json!({ "USER_NAME": "jane" }))).await;
    check_subject(&row(&mut admin, event, "OK").await, None, "jane");
    for (user, code) in [("jane", "TOO_MANY_REQUESTS"), ("unknown", "UNKNOWN_ACCOUNT")] {
        done(&mut client, message(event, json!({ "USER_NAME": user }))).await;
        check_subject(&row(&mut admin, event, code).await, None, user);
    }
}

#[tokio::test]
async fn dry_runs_have_rows_of_their_own() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let dry = |name: &str, details: Value| {
        let mut dry = message(name, details);
        dry["VALIDATE"] = true.into();
        dry
    };
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    done(&mut admin, message("EVENT_INSERT_USER", jane)).await;
    done(&mut admin, dry("EVENT_DELETE_USER", json!({ "USER_NAME": "jane" }))).await;
    let found = row(&mut admin, "EVENT_DELETE_USER", "OK").await;
    check_subject(&found, Some("admin"), "jane");
    assert_eq!(after(&found), json!({ "VALIDATE": true }));

    for _ in 0..2 {
        let unknown = dry("EVENT_DISABLE_USER", json!({ "USER_NAME": "unknown" }));
        assert_eq!(admin.ask(unknown).await["CODE"], "RECORD_NOT_FOUND");
    }
    let found = row(&mut admin, "EVENT_DISABLE_USER", "RECORD_NOT_FOUND").await;
    check_subject(&found, Some("admin"), "unknown");
    assert_eq!(after(&found)["VALIDATE"], true, "{found}");

    let mut jane = Client::login(gateway.address, "jane", PASSWORD).await;
    let refused = jane.ask(dry("EVENT_DELETE_USER", json!({ "USER_NAME": "admin" }))).await;
    assert_eq!(refused["CODE"], "NOT_AUTHORISED", "{refused}");
    let found = row(&mut admin, "EVENT_DELETE_USER", "NOT_AUTHORISED").await;
    assert_eq!((&found["USER_NAME"], &after(&found)["VALIDATE"]), (&json!("jane"), &json!(true)));
    // The record of a real run has no such mark.
    done(&mut admin, message("EVENT_DELETE_USER", json!({ "USER_NAME": "jane" }))).await;
    let found = row(&mut admin, "EVENT_DELETE_USER", "OK").await;
    assert!(after(&found)["VALIDATE"].is_null(), "{found}");
}
