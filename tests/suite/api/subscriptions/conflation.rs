//! Tests of conflation: a slow client receives only the newest state of each row.
//!
//! The reader is a connection without a socket, whose outbox only the test drains.

use Step::{Delete, Describe, Disable, Hide, Insert};
use serde_json::{Map, Value, json};
use tollgate::net::Received;
use tollgate::replay::ConnectionIo;

use crate::harness::scripts::{Routed, Routers};

/// The fields of a profile row.
const FIELDS: [&str; 5] = ["DESCRIPTION", "ID", "NAME", "RECORD_VERSION", "STATUS"];

/// A change of a profile. The filter of the reader excludes hidden profiles.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Insert,
    Describe(&'static str),
    Disable,
    Hide,
    Delete,
}

/// The operation of the row that is pending for the reader, and the fields of the row; `None` if no
/// row is pending.
type Left = Option<(&'static str, &'static [&'static str])>;

const NEW: Step = Describe("new");
const OTHER: Step = Describe("between");
const INSERT: Left = Some(("INSERT", &FIELDS));
const ALL: Left = Some(("MODIFY", &FIELDS));
const DESCRIBED: Left = Some(("MODIFY", &["DESCRIPTION", "RECORD_VERSION"]));
const BOTH: Left = Some(("MODIFY", &["DESCRIPTION", "RECORD_VERSION", "STATUS"]));
const DELETE: Left = Some(("DELETE", &[]));

/// Each line: whether the reader already has the row; the changes; the expected pending operation.
static TABLE: [(bool, &[Step], Left); 13] = [
    (true, &[OTHER, NEW], DESCRIBED),
    (true, &[Disable, NEW], BOTH),
    (false, &[Insert, NEW], INSERT),
    (false, &[Insert, Delete], None),
    (false, &[Insert, Hide], None),
    (false, &[Insert, Hide, NEW], INSERT),
    (true, &[NEW, Delete], DELETE),
    (true, &[NEW, Hide], DELETE),
    (true, &[Hide, NEW], ALL),
    (true, &[Hide, OTHER, NEW], ALL),
    (true, &[Hide, OTHER, Hide], DELETE),
    (true, &[Hide, NEW, Delete], DELETE),
    (true, &[Delete], DELETE),
];

impl Step {
    fn message(self, name: &str) -> Value {
        let (kind, rest) = match self {
            Insert => ("INSERT", json!({"DESCRIPTION": "old"})),
            Describe(text) => ("AMEND", json!({"DESCRIPTION": text})),
            Disable => ("AMEND", json!({"STATUS": "DISABLED"})),
            Hide => ("AMEND", json!({"DESCRIPTION": "hidden"})),
            Delete => ("DELETE", json!({})),
        };
        let mut details = rest;
        details["NAME"] = json!(name);
        json!({"MESSAGE_TYPE": format!("EVENT_{kind}_PROFILE"), "DETAILS": details})
    }
}

async fn next(connection: &mut Routed) -> Received {
    std::future::poll_fn(|context| connection.poll_receive(context)).await
}

async fn request(connection: &mut Routed, message: Value) -> Value {
    let expected = format!("{}_ACK", message["MESSAGE_TYPE"].as_str().unwrap());
    connection.send(message.to_string()).await.unwrap();
    let Received::Text(text) = next(connection).await else { panic!("the connection was closed") };
    let answer: Value = serde_json::from_str(&text).unwrap();
    let received = answer["MESSAGE_TYPE"].as_str().unwrap();
    assert!(expected == received || expected.ends_with(received), "{answer}");
    answer
}

async fn login(routers: &Routers) -> Routed {
    let mut connection = routers.connection();
    let details = json!({"USER_NAME": "JohnWolf", "PASSWORD": "FullMoon1"});
    request(&mut connection, json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "DETAILS": details})).await;
    connection
}

/// Drains the pending rows of the reader and checks that SEQUENCE_ID has no gap.
fn take(reader: &Routed, sequence: &mut u64) -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    for frame in reader.outbox().drain().frames {
        let update: Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(update["SEQUENCE_ID"], *sequence, "{update}");
        *sequence += 1;
        let received = update["ROW"].as_array().unwrap().iter();
        rows.extend(received.map(|row| row["DETAILS"].as_object().unwrap().clone()));
    }
    rows
}

#[tokio::test]
async fn the_pending_change_of_a_row_is_its_newest_state() {
    let routers = Routers::start(std::path::Path::new("none")).await;
    let (mut desk, mut reader) = (login(&routers).await, login(&routers).await);
    let details = json!({"DATASOURCE_NAME": "ALL_PROFILES", "CRITERIA_MATCH":
        "NAME.startsWith('Q') && DESCRIPTION != 'hidden'"});
    let logon = json!({"MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": "q", "DETAILS": details});
    request(&mut reader, logon).await;
    let Received::Text(first) = next(&mut reader).await else {
        panic!("the connection was closed")
    };
    assert!(first.contains("\"SEQUENCE_ID\":0,\"ROWS_COUNT\":0"), "{first}");
    let mut sequence = 1;
    for (number, (exists, steps, left)) in TABLE.iter().enumerate() {
        let name = format!("Q{number}");
        if *exists {
            request(&mut desk, Insert.message(&name)).await;
            assert_eq!(take(&reader, &mut sequence).len(), 1);
        }
        for step in *steps {
            request(&mut desk, step.message(&name)).await;
        }
        let mut rows = take(&reader, &mut sequence);
        let row = rows.pop();
        assert!(rows.is_empty(), "{steps:?}: more than one row: {row:?}, {rows:?}");
        let Some((operation, fields)) = left else {
            assert_eq!(row, None, "{steps:?}");
            continue;
        };
        let mut row = row.unwrap_or_else(|| panic!("{steps:?}: no row is pending"));
        assert_eq!(row.remove("OPERATION").unwrap(), *operation, "{steps:?}");
        assert!(row.remove("ROW_REF").is_some_and(|it| it.is_string()), "{steps:?}");
        assert_eq!(row.keys().collect::<Vec<_>>(), *fields, "{steps:?}");
        let newest = row.get("DESCRIPTION").is_none_or(|it| it == "new");
        assert!(newest, "{steps:?}: {row:?}");
    }
}
