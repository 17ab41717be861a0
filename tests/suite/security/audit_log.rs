//! Tests of `audit.log`: each audit row is one line of the log, and never repeated.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK};

/// The lines with the target `audit`, by SEQUENCE.
fn audit_lines(log: &[String]) -> BTreeMap<u64, Value> {
    let parsed = log.iter().map(|line| serde_json::from_str(line).unwrap_or(Value::Null));
    let rows = parsed.filter(|line: &Value| line["target"] == "audit");
    let mut found = BTreeMap::new();
    for mut line in rows {
        let sequence = line["fields"]["sequence"].as_u64().unwrap();
        let earlier = found.insert(sequence, line["fields"].take());
        assert!(earlier.is_none(), "row {sequence} was logged twice");
    }
    found
}

/// The rows of `audit show`, by SEQUENCE.
fn stored(home: &Home) -> BTreeMap<u64, Value> {
    let output = home.command(&["audit", "show", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["SEQUENCE"].as_u64().unwrap(), row)).collect()
}

fn start(home: &Home) -> GatewayProcess {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    // The level of other lines does not limit audit rows.
    GatewayProcess::spawn(command.env("TOLLGATE_LOG", "warn,tollgate::cli=info")).unwrap()
}

async fn insert_rights(gateway: &GatewayProcess, prefix: &str, count: usize) {
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for at in 0..count {
        let details = json!({ "CODE": format!("{prefix}{at}") });
        let mut insert =
            json!({ "MESSAGE_TYPE": "EVENT_INSERT_RIGHT", "SOURCE_REF": at, "DETAILS": details });
        insert["REASON"] = "ticket 7\r\n{\"target\":\"audit\"}".into();
        let answer = admin.ask(insert).await;
        assert_eq!(answer["MESSAGE_TYPE"], "EVENT_INSERT_RIGHT_ACK", "{answer}");
    }
}

#[tokio::test]
async fn each_row_is_one_line_also_after_a_kill() {
    let home = Home::new(&format!("{QUICK}[audit]\nlog = true\n"));
    let gateway = start(&home);
    // More rows than lines of refusals are permitted in a second.
    insert_rights(&gateway, "A", 300).await;
    let (_, first) = gateway.signal("-KILL");
    let first = audit_lines(&first);
    // The second start applies entries again whose rows were not saved; it does not log them again.
    let gateway = start(&home);
    insert_rights(&gateway, "B", 5).await;
    let (_, second) = gateway.signal("-TERM");
    let second = audit_lines(&second);
    let (last, next) = (*first.last_key_value().unwrap().0, *second.first_key_value().unwrap().0);
    assert!(last < next, "a row was logged again");
    let acknowledged = first.values().filter(|line| line["event"] == "EVENT_INSERT_RIGHT");
    assert_eq!(acknowledged.count(), 300, "a row was not logged before its acknowledgement");

    let mut lines = first;
    lines.extend(second);
    let stored = stored(&home);
    // The kill may come between the storing of a row and its line, but only before an
    // acknowledgement.
    let is_logged = |no: &&u64| **no <= last || **no >= next;
    let expected: Vec<_> = stored.keys().filter(is_logged).collect();
    let unlogged: Vec<_> =
        stored.values().filter(|row| !is_logged(&&row["SEQUENCE"].as_u64().unwrap())).collect();
    assert_eq!(lines.keys().collect::<Vec<_>>(), expected, "{unlogged:?}");
    assert!(unlogged.len() <= 1, "{unlogged:?}");
    let columns = ["AT", "EVENT", "USER_NAME", "TARGET", "HOST", "CODE", "PROOF", "FACTOR"];
    for (sequence, line) in &lines {
        let row = &stored[sequence];
        for column in columns.iter().chain(&["REASON"]) {
            assert_eq!(line[&column.to_lowercase()], row[column], "{column} of {row}");
        }
        for column in ["BEFORE", "AFTER"] {
            let text = line[&column.to_lowercase()].as_str().unwrap_or("null");
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), row[column], "{row}");
        }
    }
    let text = format!("{lines:?}");
    assert!(!text.contains(PASSWORD) && !text.contains("scrypt"), "a secret is in the log");
}

#[tokio::test]
async fn rows_are_not_logged_unless_configured() {
    let home = Home::new(QUICK);
    let gateway = start(&home);
    insert_rights(&gateway, "A", 1).await;
    let (_, log) = gateway.signal("-TERM");
    assert!(audit_lines(&log).is_empty(), "{log:#?}");
}
