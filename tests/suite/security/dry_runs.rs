//! Tests of dry runs (VALIDATE): which old values are shown.

use serde_json::{Value, json};

use crate::harness::{Client, Home, PASSWORD, QUICK};

fn message(name: &str, details: Value) -> Value {
    json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })
}

async fn done(client: &mut Client, message: Value) -> Value {
    let answer = client.ask(message).await;
    assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
    answer
}

/// The old values of a dry run: table, field and value.
async fn old_values(client: &mut Client, name: &str, details: Value) -> Vec<[String; 3]> {
    let mut dry = message(name, details);
    dry["VALIDATE"] = true.into();
    let answer = done(client, dry).await;
    let changes = answer["DETAILS"]["WOULD_CHANGE"].as_array().unwrap();
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    changes.iter().map(|it| ["TABLE", "FIELD", "OLD"].map(|field| text(&it[field]))).collect()
}

fn of<'a>(values: &'a [[String; 3]], table: &str, field: &str) -> &'a str {
    let found = values.iter().find(|it| it[0] == table && it[1] == field);
    &found.unwrap_or_else(|| panic!("no {table}.{field} in {values:?}"))[2]
}

#[tokio::test]
async fn old_values_are_hidden_from_users_who_could_not_read_them() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD, "EMAIL_ADDRESS": "j@desk.example",
        "MOBILE_NUMBER": "+44 20 7946 0018" });
    done(&mut admin, message("EVENT_INSERT_USER", jane)).await;
    let rights = ["AMEND_USER", "DELETE_USER", "DISABLE_USER"];
    let help = |more: &[&str]| {
        let codes = [&rights[..], more].concat();
        json!({ "USER_NAME": "help", "RIGHT_CODES": codes })
    };
    let mut new = help(&[]);
    new["PASSWORD"] = PASSWORD.into();
    done(&mut admin, message("EVENT_INSERT_USER", new)).await;
    let _jane = Client::login(gateway.address, "jane", PASSWORD).await;
    let mut desk = Client::login(gateway.address, "help", PASSWORD).await;

    let amend = json!({ "USER_NAME": "jane", "EMAIL_ADDRESS": "x@desk.example",
        "MOBILE_NUMBER": "1", "TITLE": "Dr" });
    let delete = json!({ "USER_NAME": "jane" });
    let amended = old_values(&mut desk, "EVENT_AMEND_USER", amend.clone()).await;
    for field in ["EMAIL_ADDRESS", "MOBILE_NUMBER", "TITLE"] {
        assert_eq!(of(&amended, "USER", field), "(hidden)");
    }
    let deleted = old_values(&mut desk, "EVENT_DELETE_USER", delete.clone()).await;
    assert_eq!(of(&deleted, "SESSION", "HOST"), "(hidden)");
    assert!(deleted.iter().all(|it| it[2] == "(hidden)"), "{deleted:?}");
    // Own values are shown.
    let own = json!({ "USER_NAME": "help", "TITLE": "Mr" });
    let own = old_values(&mut desk, "EVENT_AMEND_USER", own).await;
    assert_eq!(of(&own, "USER", "TITLE"), "null");

    // Each right of a data source shows the values of that source.
    done(&mut admin, message("EVENT_AMEND_USER", help(&["VIEW_USERS"]))).await;
    let amended = old_values(&mut desk, "EVENT_AMEND_USER", amend).await;
    assert_eq!(of(&amended, "USER", "EMAIL_ADDRESS"), "j@desk.example");
    assert_eq!(of(&amended, "USER", "TITLE"), "null");
    let deleted = old_values(&mut desk, "EVENT_DELETE_USER", delete.clone()).await;
    assert_eq!(of(&deleted, "SESSION", "HOST"), "(hidden)");
    assert_eq!(of(&deleted, "USER", "PASSWORD"), "(hidden)");
    done(&mut admin, message("EVENT_AMEND_USER", help(&["VIEW_SESSIONS", "VIEW_AUDIT"]))).await;
    let deleted = old_values(&mut desk, "EVENT_DELETE_USER", delete).await;
    assert_eq!(of(&deleted, "SESSION", "HOST"), "127.0.0.1");
    assert_eq!(of(&deleted, "USER", "PASSWORD"), "(set)");
    assert_eq!(of(&deleted, "USER", "EMAIL_ADDRESS"), "(hidden)");
}
