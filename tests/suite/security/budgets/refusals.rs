//! Tests of the counts of refusals in the audit trail: exact, by user and event.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::clients::rows;
use crate::harness::{Client, Home, PASSWORD, QUICK};

fn message(name: &str, details: Value) -> Value {
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })
}

/// Sums of TIMES by user, event and code, of all rows that are no outcome of a command.
fn counts(rows: &[Value], codes: &[&str]) -> BTreeMap<(String, String, String), u64> {
    let mut counts = BTreeMap::new();
    for row in rows.iter().filter(|row| codes.contains(&row["CODE"].as_str().unwrap())) {
        let [user, event, code] = ["USER_NAME", "EVENT", "CODE"]
            .map(|field| row[field].as_str().unwrap_or("").to_owned());
        let after: Value = serde_json::from_str(row["AFTER"].as_str().unwrap_or("{}")).unwrap();
        *counts.entry((user, event, code)).or_default() += after["TIMES"].as_u64().unwrap_or(1);
    }
    counts
}

#[tokio::test]
async fn each_refused_user_and_event_has_exact_counts_also_after_a_stop() {
    let home = Home::new(&QUICK.replace("log_n", "queue_wait_max_ms = 60000\nlog_n"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let names: Vec<String> = (0..12).map(|at| format!("user{at}")).collect();
    for name in &names {
        let user = json!({ "USER_NAME": name, "PASSWORD": PASSWORD });
        let ack = admin.ask(message("EVENT_INSERT_USER", user)).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK", "{ack}");
    }
    // All users are behind one address.
    let users = names.iter().map(|name| async {
        let mut user = Client::login(gateway.address, name, PASSWORD).await;
        for _ in 0..50 {
            for event in ["EVENT_BACKUP", "EVENT_DELETE_USER"] {
                let answer = user.ask(message(event, json!({ "USER_NAME": "admin" }))).await;
                assert!(answer["CODE"] == "NOT_AUTHORISED", "{answer}");
            }
        }
    });
    futures_util::future::join_all(users).await;
    // A name that a client claims is recorded if no session speaks, its REASON is not.
    let mut stranger = Client::connect(gateway.address).await;
    for _ in 0..7 {
        let mut login =
            message("EVENT_LOGIN_AUTH", json!({ "USER_NAME": "mallory", "PASSWORD": "wrong" }));
        login["REASON"] = "a text for the audit trail".into();
        let answer = stranger.ask(login).await;
        assert_eq!(answer["CODE"], "UNKNOWN_ACCOUNT", "{answer}");
    }
    let mut user = Client::login(gateway.address, &names[0], PASSWORD).await;
    let change = json!({ "USER_NAME": "admin", "OLD_PASSWORD": "", "NEW_PASSWORD": "x" });
    let answer = user.ask(message("EVENT_CHANGE_USER_PASSWORD", change)).await;
    assert_eq!(answer["CODE"], "NOT_AUTHORISED", "{answer}");
    // The gateway stops at once: no count may be lost.
    gateway.signal("-TERM");
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let rows = rows(&mut admin, "AUDIT_EVENTS").await;
    let found = counts(&rows, &["NOT_AUTHORISED", "UNKNOWN_ACCOUNT"]);
    let key = |user: &str, event: &str, code: &str| [user, event, code].map(str::to_owned).into();
    let mut expected: BTreeMap<(String, String, String), u64> = names
        .iter()
        .flat_map(|name| ["EVENT_BACKUP", "EVENT_DELETE_USER"].map(|event| (name, event)))
        .map(|(name, event)| (key(name, event, "NOT_AUTHORISED"), 50))
        .collect();
    expected.insert(key(&names[0], "EVENT_CHANGE_USER_PASSWORD", "NOT_AUTHORISED"), 1);
    expected.insert(key("mallory", "EVENT_LOGIN_AUTH", "UNKNOWN_ACCOUNT"), 7);
    assert_eq!(found, expected);
    assert!(!format!("{rows:?}").contains("a text for the audit trail"));
}
