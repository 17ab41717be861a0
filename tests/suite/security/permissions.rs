//! Tests of permissions: every message, sent by every kind of user.

use std::collections::BTreeMap;

use Needs::{ForOthers, Nothing, Right, Session};
use serde_json::{Value, json};
use tollgate::messages::HANDLERS;
use tollgate::realm::ADMINISTRATION;

use crate::harness::{Client, Home, PASSWORD, QUICK};

/// The permission that a message requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Session,
    Right(&'static str),
    /// The right, if the target is another user.
    ForOthers(&'static str),
}
/// The required permission of each message.
const CELLS: &[(&str, Needs)] = &[
    ("EVENT_HEARTBEAT", Session),
    ("HEARTBEAT_PING", Nothing),
    ("EVENT_LOGIN_AUTH", Nothing),
    ("EVENT_LOGIN_PREFS", Nothing),
    ("EVENT_LOGIN_DETAILS", Session),
    ("EVENT_LOGOUT", Nothing),
    ("EVENT_CHANGE_USER_PASSWORD", Nothing),
    ("EVENT_REAUTHENTICATE", Session),
    ("DATA_LOGON", Session),
    ("MORE_ROWS", Session),
    ("DATA_LOGOFF", Session),
    ("RESOURCES_REQUEST", Session),
    ("META_REQUEST", Session),
    ("JSON_SCHEMA_REQUEST", Session),
    ("REQ_USER", Session),
    ("REQ_PROFILE", Session),
    ("REQ_RIGHT", Session),
    ("EVENT_INSERT_PROFILE", Right("INSERT_PROFILE")),
    ("EVENT_AMEND_PROFILE", Right("AMEND_PROFILE")),
    ("EVENT_DELETE_PROFILE", Right("DELETE_PROFILE")),
    ("EVENT_INSERT_RIGHT", Right("INSERT_RIGHT")),
    ("EVENT_AMEND_RIGHT", Right("AMEND_RIGHT")),
    ("EVENT_DELETE_RIGHT", Right("DELETE_RIGHT")),
    ("EVENT_INSERT_USER", Right("INSERT_USER")),
    ("EVENT_AMEND_USER", Right("AMEND_USER")),
    ("EVENT_DELETE_USER", Right("DELETE_USER")),
    ("EVENT_ENABLE_USER", Right("ENABLE_USER")),
    ("EVENT_DISABLE_USER", Right("DISABLE_USER")),
    ("EVENT_USER_PROFILE_AMEND", Right("USER_PROFILE_AMEND")),
    ("EVENT_RESET_USER_PASSWORD", Right("RESET_PWD")),
    ("EVENT_EXPIRE_USER_PASSWORD", ForOthers("EXPIRE_PWD")),
    ("EVENT_AMEND_USER_LOGIN_ATTEMPT", Right("RESET_ATTEMPTS")),
    ("EVENT_DELETE_USER_LOGIN_ATTEMPT", Right("RESET_ATTEMPTS")),
    ("EVENT_END_SESSION", Right("LOGOUT_OTHERS")),
    ("EVENT_BACKUP", Right("BACKUP")),
    ("EVENT_MFA_CREATE_SECRET", ForOthers("MFA_CREATE")),
    ("EVENT_MFA_CONFIRM_SECRET", ForOthers("MFA_CONFIRM")),
    ("EVENT_ENABLE_MFA_FOR_USER", ForOthers("MFA_ENABLE")),
    ("EVENT_DISABLE_MFA_FOR_USER", ForOthers("MFA_DISABLE")),
    ("EVENT_MFA_REVOKE_CODE", ForOthers("MFA_DISABLE")),
    ("EVENT_SELF_SERVICE_PASSWORD_RESET", Nothing),
    ("EVENT_PASSWORD_RESET_ACTION", Nothing),
    ("EVENT_CREATE_ONE_TIME_TOKEN", Session),
    ("EVENT_VERIFY_ONE_TIME_TOKEN", Right("VERIFY_OTT")),
    ("EVENT_AMEND_CONNECTOR_SETTINGS", Right("CONNECTOR_SETTINGS")),
    ("REQ_CONNECTOR_SETTINGS", Right("CONNECTOR_SETTINGS")),
];

/// Returns DETAILS that target harmless records or the user `plain`, who has no rights.
fn details(message: &str) -> Value {
    match message {
        "EVENT_LOGOUT" => json!({ "USER_NAME": "plain", "SESSION_ID": "none" }),
        "DATA_LOGON" => json!({ "DATASOURCE_NAME": "NONE" }),
        "EVENT_INSERT_PROFILE" => json!({ "NAME": "NEW" }),
        "EVENT_AMEND_PROFILE" | "EVENT_DELETE_PROFILE" => json!({ "NAME": "EMPTY" }),
        "EVENT_INSERT_RIGHT" => json!({ "CODE": "NEW" }),
        "EVENT_AMEND_RIGHT" | "EVENT_DELETE_RIGHT" => json!({ "CODE": "SPARE" }),
        "EVENT_INSERT_USER" => json!({ "USER_NAME": "new" }),
        "EVENT_USER_PROFILE_AMEND" => json!({ "USER_NAME": "plain", "USER_PROFILES": [] }),
        "EVENT_MFA_CREATE_SECRET" => json!({ "USER_NAME": "plain" }),
        "EVENT_MFA_CONFIRM_SECRET" => json!({ "USER_NAME": "plain", "MFA_CODE": "none" }),
        "EVENT_MFA_REVOKE_CODE" => json!({ "ID": "1" }),
        "EVENT_VERIFY_ONE_TIME_TOKEN" => json!({ "TOKEN": "none" }),
        "EVENT_END_SESSION" => json!({ "SESSION_ID": "none" }),
        it if it.contains("_USER") && it != "EVENT_CHANGE_USER_PASSWORD" => {
            json!({ "USER_NAME": "plain" })
        }
        _ => json!({}),
    }
}

/// The result of the permission check of a message.
#[derive(Debug, PartialEq, Eq)]
enum Access {
    Through,
    NoSession,
    Missing(String),
}

async fn send(client: &mut Client, message: &str, is_event: bool) -> Access {
    let mut envelope = json!({
        "MESSAGE_TYPE": message, "SOURCE_REF": message, "DETAILS": details(message),
    });
    if is_event {
        envelope["VALIDATE"] = true.into();
    }
    let answer = client.ask(envelope).await;
    let refusal = &answer["ERROR"][0]["DETAILS"];
    let missing = refusal["RIGHT"].as_str();
    match answer["CODE"].as_str() {
        // GRANT and OUT_OF_REACH depend on the target, and are checked after the right.
        Some("NOT_AUTHORISED") if refusal["REASON"] == "RIGHT" => {
            Access::Missing(missing.unwrap_or_default().to_owned())
        }
        Some("SESSION_NOT_FOUND") if answer["TEXT"].to_string().contains("log in first") => {
            Access::NoSession
        }
        _ => Access::Through,
    }
}

/// The expected result for a sender with these rights; `None` is a sender without a session.
fn expected(needs: Needs, holds: Option<&[&str]>) -> Access {
    let lacks = |right: &str| holds.is_some_and(|held| !held.contains(&right));
    match needs {
        Nothing => Access::Through,
        _ if holds.is_none() => Access::NoSession,
        Right(right) | ForOthers(right) if lacks(right) => Access::Missing(right.to_owned()),
        _ => Access::Through,
    }
}

/// Creates a user for each administration right, users without rights, and the records that the
/// messages target.
async fn prepare(address: std::net::SocketAddr) {
    let mut admin = Client::login(address, "admin", PASSWORD).await;
    let event = |name: &str, details: Value| {
        let mut event = json!({ "MESSAGE_TYPE": name, "SOURCE_REF": 1 });
        event["DETAILS"] = details;
        event
    };
    let mut prepare = vec![
        event("EVENT_INSERT_RIGHT", json!({ "CODE": "SPARE" })),
        event("EVENT_INSERT_PROFILE", json!({ "NAME": "EMPTY" })),
        event("EVENT_INSERT_USER", json!({ "USER_NAME": "plain", "PASSWORD": PASSWORD })),
        event("EVENT_INSERT_USER", json!({ "USER_NAME": "ordinary", "PASSWORD": PASSWORD })),
    ];
    prepare.extend(ADMINISTRATION.iter().map(|(right, _)| {
        let user = json!({ "USER_NAME": right, "PASSWORD": PASSWORD, "RIGHT_CODES": [right] });
        event("EVENT_INSERT_USER", user)
    }));
    for message in prepare {
        let answer = admin.ask(message).await;
        assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
    }
}

#[tokio::test]
async fn every_message_checks_the_permission_of_every_sender() {
    let cells: BTreeMap<_, _> = CELLS.iter().copied().collect();
    let names: Vec<_> = HANDLERS.iter().map(|row| row.name).collect();
    let unknown: Vec<_> = names.iter().filter(|name| !cells.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "add the required permission of {unknown:?} to CELLS");
    assert_eq!(cells.len(), names.len(), "CELLS has a message that does not exist");

    let home = Home::new(&format!("{QUICK}[security.mfa.qr_code]\n"));
    let gateway = home.start();
    prepare(gateway.address).await;
    let all: Vec<_> = ADMINISTRATION.iter().map(|(right, _)| *right).collect();
    let mut senders = vec![("ordinary", Vec::new()), ("admin", all.clone())];
    senders.extend(all.iter().map(|right| (*right, vec![*right])));

    let mut wrong = Vec::new();
    let mut check = |sender: &str, message: &str, received: Access, expected: Access| {
        if received != expected {
            wrong.push(format!("{sender} {message}: received {received:?}, expected {expected:?}"));
        }
    };
    let mut anonymous = Client::connect(gateway.address).await;
    for row in &HANDLERS {
        let received = send(&mut anonymous, row.name, row.record_event).await;
        check("no session", row.name, received, expected(cells[row.name], None));
    }
    for (user, held) in senders {
        let mut client = Client::login(gateway.address, user, PASSWORD).await;
        for row in &HANDLERS {
            let received = send(&mut client, row.name, row.record_event).await;
            check(user, row.name, received, expected(cells[row.name], Some(&held)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The right EXPIRE_PWD is required only for other users.
#[tokio::test]
async fn users_may_expire_their_own_password() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let user = json!({ "USER_NAME": "plain", "PASSWORD": PASSWORD });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 1, "DETAILS": user });
    assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
    let mut plain = Client::login(gateway.address, "plain", PASSWORD).await;
    let expire = json!({ "MESSAGE_TYPE": "EVENT_EXPIRE_USER_PASSWORD", "SOURCE_REF": 2 });
    assert_eq!(plain.ask(expire).await["MESSAGE_TYPE"], "EVENT_EXPIRE_USER_PASSWORD_ACK");
}

/// After a right is revoked, the next message that requires it is refused on an open connection.
#[tokio::test]
async fn a_revoked_right_is_refused_at_once() {
    const TIMES: usize = 10_000;
    let quick = QUICK.replacen(
        "[server.limits]",
        "[server.limits]\nmessages_per_sec_per_connection = 1000000",
        1,
    );
    let home = Home::new(&quick);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let user = json!({ "USER_NAME": "plain", "PASSWORD": PASSWORD });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 1, "DETAILS": user });
    assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
    let mut plain = Client::login(gateway.address, "plain", PASSWORD).await;
    let grant = |codes: &[&str]| {
        let details = json!({ "USER_NAME": "plain", "RIGHT_CODES": codes });
        json!({ "MESSAGE_TYPE": "EVENT_AMEND_USER", "SOURCE_REF": 2, "DETAILS": details })
    };
    let details = json!({ "CODE": "X" });
    let mut used =
        json!({ "MESSAGE_TYPE": "EVENT_INSERT_RIGHT", "SOURCE_REF": 3, "DETAILS": details });
    used["VALIDATE"] = true.into();
    let mut accepted = 0;
    for round in 0..TIMES {
        let granted = admin.ask(grant(&["INSERT_RIGHT"])).await;
        assert_eq!(granted["MESSAGE_TYPE"], "EVENT_AMEND_USER_ACK", "{granted}");
        if round % 1_000 == 0 {
            let allowed = plain.ask(used.clone()).await;
            assert_eq!(allowed["MESSAGE_TYPE"], "EVENT_INSERT_RIGHT_ACK", "{allowed}");
        }
        let taken = admin.ask(grant(&[])).await;
        assert_eq!(taken["MESSAGE_TYPE"], "EVENT_AMEND_USER_ACK", "{taken}");
        let after = plain.ask(used.clone()).await;
        accepted += usize::from(after["CODE"] != "NOT_AUTHORISED");
    }
    assert_eq!(accepted, 0, "of {TIMES} messages after a revocation some were accepted");
}
