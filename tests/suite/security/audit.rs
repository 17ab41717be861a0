//! Tests of the audit trail: user, event, address, values before and after.
//!
//! Rows are read newest first; new rows are pushed. Rows of acknowledged changes survive a kill of
//! the gateway, and `audit verify` detects altered and removed rows.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::{Client, Home, PASSWORD, QUICK, clients};

fn message(name: &str, details: Value) -> Value {
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })
}

/// Sends a message with DETAILS and checks that it succeeds.
async fn done(client: &mut Client, name: &str, details: Value) -> Value {
    let answer = client.ask(message(name, details)).await;
    assert_eq!(answer["MESSAGE_TYPE"], format!("{name}_ACK"), "{answer}");
    answer
}

async fn logon(client: &mut Client, source: &str, details: Value) -> Value {
    let mut details = details;
    details["DATASOURCE_NAME"] = source.into();
    client
        .ask(json!({"MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": source, "DETAILS": details}))
        .await
}

/// The rows of the next QUERY_UPDATE of a source: the operation and DETAILS of each.
async fn update(client: &mut Client, source: &str) -> Vec<(String, Value)> {
    loop {
        let mut message = client.receive().await.expect("the connection ended before the update");
        if message["MESSAGE_TYPE"] != "QUERY_UPDATE" || message["SOURCE_REF"] != source {
            continue;
        }
        let rows = message["ROW"].as_array_mut().expect("the update has no ROW");
        let row = |row: &mut Value| {
            let operation =
                row["DETAILS"]["OPERATION"].as_str().expect("a row has no OPERATION").to_owned();
            (operation, row["DETAILS"].take())
        };
        return rows.iter_mut().map(row).collect();
    }
}

async fn wrong_login(address: SocketAddr, user: &str) {
    let mut client = Client::connect(address).await;
    let details = json!({ "USER_NAME": user, "PASSWORD": "wrong" });
    let answer = client.ask(message("EVENT_LOGIN_AUTH", details)).await;
    assert_eq!(answer["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_NACK", "{answer}");
}

/// All rows with this event and code, newest first.
fn of<'a>(rows: &'a [Value], event: &str, code: &str) -> Vec<&'a Value> {
    rows.iter().filter(|row| row["EVENT"] == event && row["CODE"] == code).collect()
}

/// Creates events for the audit trail: changes (one with a REASON), failed logins, refusals.
async fn create_events(address: SocketAddr) -> Client {
    let mut admin = Client::login(address, "admin", PASSWORD).await;
    done(&mut admin, "EVENT_INSERT_RIGHT", json!({ "CODE": "ORDEN" })).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD, "FIRST_NAME": "Jane" });
    done(&mut admin, "EVENT_INSERT_USER", jane).await;
    let janet = json!({ "USER_NAME": "JANE", "FIRST_NAME": "Janet", "RIGHT_CODES": ["ORDEN"] });
    let mut amend = message("EVENT_AMEND_USER", janet);
    amend["REASON"] = "ticket 7\r\nEVENT_LOGIN_AUTH OK".into();
    assert_eq!(admin.ask(amend).await["MESSAGE_TYPE"], "EVENT_AMEND_USER_ACK");
    wrong_login(address, "jane").await;
    wrong_login(address, "unknown").await;
    let mut jane = Client::login(address, "jane", PASSWORD).await;
    for _ in 0..3 {
        let answer = jane.ask(message("EVENT_INSERT_PROFILE", json!({ "NAME": "MINE" }))).await;
        assert_eq!(answer["CODE"], "NOT_AUTHORISED", "{answer}");
    }
    admin
}

/// Waits until the audit trail has the refusals, which are written once a second. Returns its rows.
async fn rows_with_refusals(admin: &mut Client) -> Vec<Value> {
    loop {
        let rows = clients::rows(admin, "AUDIT_EVENTS").await;
        if !of(&rows, "EVENT_INSERT_PROFILE", "NOT_AUTHORISED").is_empty() {
            return rows;
        }
        admin.ask(json!({ "MESSAGE_TYPE": "DATA_LOGOFF", "SOURCE_REF": "AUDIT_EVENTS" })).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn rows_have_user_event_address_and_values() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = create_events(gateway.address).await;
    let rows = rows_with_refusals(&mut admin).await;
    let numbers: Vec<u64> = rows.iter().map(|row| row["SEQUENCE"].as_u64().unwrap()).collect();
    let all: Vec<u64> = (1..=rows.len() as u64).rev().collect();
    assert_eq!(numbers, all, "the rows are not newest first without a gap");
    assert_eq!(rows.last().unwrap()["EVENT"], "FIRST_START");

    let [amended] = of(&rows, "EVENT_AMEND_USER", "OK")[..] else { panic!("{rows:?}") };
    assert_eq!([&amended["USER_NAME"], &amended["TARGET"]], ["admin", "jane"]);
    assert!(amended["HOST"].as_str().unwrap().starts_with("127.0.0.1"), "{amended}");
    assert_eq!(amended["REASON"], "ticket 7\r\nEVENT_LOGIN_AUTH OK");
    let before_after = [&amended["BEFORE"], &amended["AFTER"]];
    let [before, after] = before_after.map(|fields| fields.as_str().unwrap());
    assert!(before.contains("\"Jane\"") && !before.contains("ORDEN"), "{before}");
    assert!(after.contains("\"Janet\"") && after.contains("ORDEN"), "{after}");

    let wrong = of(&rows, "EVENT_LOGIN_AUTH", "INCORRECT_CREDENTIALS");
    let [wrong] = wrong[..] else { panic!("{rows:?}") };
    assert_eq!([&wrong["USER_NAME"], &wrong["TARGET"]], ["jane", "jane"]);
    let refused = of(&rows, "EVENT_INSERT_PROFILE", "NOT_AUTHORISED");
    let times = |row: &Value| {
        let after: Value = serde_json::from_str(row["AFTER"].as_str()?).ok()?;
        after["TIMES"].as_u64()
    };
    let counted: u64 = refused.iter().map(|row| times(row).unwrap_or(1)).sum();
    assert_eq!(counted, 3, "{refused:?}");
    assert!(refused.iter().all(|row| row["USER_NAME"] == "jane"));
    let text = format!("{rows:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("scrypt"), "a secret is in the audit trail");
}

#[tokio::test]
async fn rows_are_pushed_until_the_right_to_view_them_is_revoked() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    done(&mut admin, "EVENT_INSERT_USER", jane).await;
    let mut jane = Client::login(gateway.address, "jane", PASSWORD).await;
    for source in ["AUDIT_EVENTS", "USER_LOGIN_ATTEMPT"] {
        let refused = logon(&mut jane, source, json!({})).await;
        assert_eq!(refused["MESSAGE_TYPE"], "LOGON_NACK", "{refused}");
        assert_eq!(refused["CODE"], "NOT_AUTHORISED", "{refused}");
    }
    let granted = json!({ "USER_NAME": "jane", "RIGHT_CODES": ["VIEW_AUDIT"] });
    done(&mut admin, "EVENT_AMEND_USER", granted).await;

    let two = json!({ "MAX_ROWS": 2, "CRITERIA_MATCH": "TARGET == 'jane'" });
    let ack = logon(&mut jane, "AUDIT_EVENTS", two).await;
    assert_eq!(ack["MESSAGE_TYPE"], "LOGON_ACK", "{ack}");
    let first = update(&mut jane, "AUDIT_EVENTS").await;
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first[0].1["EVENT"], "EVENT_AMEND_USER");
    jane.send(json!({ "MESSAGE_TYPE": "MORE_ROWS", "SOURCE_REF": "AUDIT_EVENTS" })).await;
    let second = update(&mut jane, "AUDIT_EVENTS").await;
    assert_eq!(second.last().unwrap().1["EVENT"], "EVENT_INSERT_USER");

    done(&mut admin, "EVENT_INSERT_RIGHT", json!({ "CODE": "ORDEN" })).await;
    let named = json!({ "USER_NAME": "jane", "LAST_NAME": "Doe" });
    done(&mut admin, "EVENT_AMEND_USER", named).await;
    let live = update(&mut jane, "AUDIT_EVENTS").await;
    let [(operation, row)] = &live[..] else { panic!("{live:?}") };
    assert_eq!((operation.as_str(), &row["EVENT"]), ("INSERT", &json!("EVENT_AMEND_USER")));
    assert!(row["AFTER"].as_str().unwrap().contains("Doe"), "{row}");

    let revoked = json!({ "USER_NAME": "jane", "RIGHT_CODES": [] });
    done(&mut admin, "EVENT_AMEND_USER", revoked).await;
    let removed = update(&mut jane, "AUDIT_EVENTS").await;
    assert!(removed.iter().all(|(operation, _)| operation == "DELETE"), "{removed:?}");
    let more = json!({ "USER_NAME": "jane", "LAST_NAME": "Roe" });
    done(&mut admin, "EVENT_AMEND_USER", more).await;
    let heartbeat = json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1 });
    jane.send(heartbeat).await;
    loop {
        let next = jane.receive().await.unwrap();
        if next["SOURCE_REF"] == 1 {
            break;
        }
        assert!(!next.to_string().contains("Roe"), "pushed after the revocation: {next}");
    }
    assert_eq!(logon(&mut jane, "AUDIT_EVENTS", json!({})).await["CODE"], "NOT_AUTHORISED");
}

#[tokio::test]
async fn rows_of_failed_logins_are_inserted_modified_and_deleted() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    done(&mut admin, "EVENT_INSERT_USER", jane).await;
    let source = "USER_LOGIN_ATTEMPT";
    assert_eq!(logon(&mut admin, source, json!({})).await["MESSAGE_TYPE"], "LOGON_ACK");
    assert!(update(&mut admin, source).await.is_empty());
    for (attempts, expected) in [(1, "INSERT"), (2, "MODIFY"), (3, "MODIFY")] {
        wrong_login(gateway.address, "jane").await;
        let rows = update(&mut admin, source).await;
        let [(operation, row)] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(operation, expected);
        assert_eq!(row["ATTEMPTS"], attempts, "{row}");
        assert_eq!(row["LOCKED_UNTIL"].is_u64(), attempts == 3, "{row}");
    }
    let mut other = Client::login(gateway.address, "admin", PASSWORD).await;
    done(&mut other, "EVENT_DELETE_USER_LOGIN_ATTEMPT", json!({ "USER_NAME": "jane" })).await;
    assert_eq!(update(&mut admin, source).await[0].0, "DELETE");
    Client::login(gateway.address, "jane", PASSWORD).await;
}

/// Creates twenty rights, each with a REASON, and kills the gateway.
async fn twenty_rights() -> Home {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for at in 0..20 {
        let mut insert = message("EVENT_INSERT_RIGHT", json!({ "CODE": format!("R{at}") }));
        insert["REASON"] = "one\r\nline".into();
        assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_RIGHT_ACK");
    }
    gateway.signal("-KILL");
    home
}

fn show(home: &Home, words: &[&str]) -> String {
    let output = home.command(&[&["audit", "show"], words].concat()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_command_line_prints_one_line_per_row() {
    let home = twenty_rights().await;
    let lines = show(&home, &["--user", "admin"]);
    assert!(lines.lines().all(|line| line.contains(" admin ")), "{lines}");
    assert!(lines.lines().count() > 20, "rows of twenty rights and a login are expected:\n{lines}");
    assert!(
        lines.lines().next().unwrap().contains(" EVENT_INSERT_RIGHT OK admin -> R19 from 127.")
    );
    assert_eq!(show(&home, &["--user", "unknown"]), "");
    assert_eq!(show(&home, &["--since", "2100-01-01"]), "");
    let rows = show(&home, &["--since", "1h", "--json"]);
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[0]["TARGET"], "R19");
    assert_eq!(rows[0]["SEQUENCE"], rows.len() as u64);
}

#[tokio::test]
async fn altered_and_removed_rows_are_detected() {
    let home = twenty_rights().await;
    let verify = || {
        let output = home.command(&["audit", "verify"]).output().unwrap();
        let output_text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(output_text).unwrap())
    };
    assert!(verify().1.contains("audit rows, 1 to "), "{:?}", verify());
    // Rows saved together are one value of the database. A second start adds another value.
    let gateway = home.start();
    Client::login(gateway.address, "admin", PASSWORD).await;
    gateway.signal("-TERM");
    let trail = |change: &dyn Fn(&sled::Tree)| {
        let db = sled::open(home.data().join("sled")).unwrap();
        change(&db.open_tree("audit").unwrap());
        db.flush().unwrap();
    };
    // The first stored value, and the value with the row about the right R1. Both may be one value.
    let about = br#""R1""#;
    let at = |value: &[u8]| value.windows(about.len()).position(|it| it == about);
    let found = std::cell::RefCell::default();
    trail(&|tree| {
        let mut rows = tree.iter().map(Result::unwrap);
        let first = tree.first().unwrap();
        *found.borrow_mut() = first.zip(rows.find(|(_, value)| at(value).is_some()));
    });
    let ((first, begin), (key, kept)) = found.into_inner().expect("no row about R1");
    let mut altered = kept.to_vec();
    altered[at(&kept).unwrap() + 2] = b'7';
    type Forgery<'a> = (&'a str, &'a dyn Fn(&sled::Tree));
    let forgeries: [Forgery; 2] = [
        ("or an earlier one was altered", &|tree| drop(tree.insert(&key, &altered[..]).unwrap())),
        ("audit row 1 is cut off", &|tree| drop(tree.remove(&first).unwrap())),
    ];
    for (words, forge) in forgeries {
        trail(forge);
        let (whole, output_text) = verify();
        assert!(!whole && output_text.contains(words), "{words}: {output_text}");
        trail(&|tree| {
            tree.insert(&key, &kept).unwrap();
            tree.insert(&first, &begin).unwrap();
        });
        assert!(verify().0, "the restored audit trail is refused");
    }
    // The number of the last audit row is stored with the rows of the realm. If this audit row is
    // missing, opening the store rebuilds the rows and the audit trail from the command log.
    let shown = show(&home, &["--json"]);
    trail(&|tree| drop(tree.pop_max().unwrap()));
    assert!(verify().0, "the removed rows were not restored");
    assert_eq!(show(&home, &["--json"]), shown);
}
