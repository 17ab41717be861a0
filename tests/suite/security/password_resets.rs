//! Tests of first passwords and resets: which password works, how often, how long.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::harness::{Client, Home, PASSWORD, QUICK};

fn message(name: &str, details: Value) -> Value {
    let mut message = json!({ "MESSAGE_TYPE": name, "SOURCE_REF": 1 });
    message["DETAILS"] = details;
    message
}

fn with(keys: &str) -> String {
    format!("{QUICK}[security]\n{keys}\n")
}

/// Creates the user jane with [`PASSWORD`], and returns the client of the administrator.
async fn prepare(address: SocketAddr) -> Client {
    let mut admin = Client::login(address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": PASSWORD });
    let answer = admin.ask(message("EVENT_INSERT_USER", jane)).await;
    assert_eq!(answer["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK", "{answer}");
    admin
}

/// The code of a refused login; `None` if it succeeded.
async fn login(address: SocketAddr, user: &str, password: &str) -> Option<String> {
    let mut client = Client::connect(address).await;
    let details = json!({ "USER_NAME": user, "PASSWORD": password });
    let answer = client.ask(message("EVENT_LOGIN_AUTH", details)).await;
    answer["CODE"].as_str().map(str::to_owned)
}

/// The code of a refused password change; `None` if it succeeded.
async fn change(address: SocketAddr, user: &str, old: &str, new: &str) -> Option<String> {
    let mut client = Client::connect(address).await;
    let details = json!({ "USER_NAME": user, "OLD_PASSWORD": old, "NEW_PASSWORD": new });
    let answer = client.ask(message("EVENT_CHANGE_USER_PASSWORD", details)).await;
    answer["CODE"].as_str().map(str::to_owned)
}

/// One of a hundred simultaneous password changes with the blank password succeeds. A login with
/// the blank password is refused.
#[tokio::test]
async fn a_blank_password_can_be_changed_once() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let address = gateway.address;
    let mut admin = prepare(address).await;
    let reset = message("EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": "jane" }));
    let answer = admin.ask(reset).await;
    assert!(
        answer["DETAILS"]["WARNING"].as_str().unwrap().contains("empty OLD_PASSWORD"),
        "{answer}"
    );
    assert_eq!(login(address, "jane", PASSWORD).await.as_deref(), Some("INCORRECT_CREDENTIALS"));
    assert_eq!(login(address, "jane", "").await.as_deref(), Some("PASSWORD_EXPIRED"));
    let attempts = (0..100).map(|at| async move {
        change(address, "jane", "", &format!("Password-{at}")).await.is_none()
    });
    let done = futures_util::future::join_all(attempts).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    // The other changes counted as wrong passwords and locked the account.
    let free = message("EVENT_DELETE_USER_LOGIN_ATTEMPT", json!({ "USER_NAME": "jane" }));
    assert_eq!(admin.ask(free).await["MESSAGE_TYPE"], "EVENT_DELETE_USER_LOGIN_ATTEMPT_ACK");
    let winner = done.iter().position(|done| *done).unwrap();
    assert_eq!(login(address, "jane", &format!("Password-{winner}")).await, None);
    assert_eq!(login(address, "jane", "").await.as_deref(), Some("INCORRECT_CREDENTIALS"));
}

/// After its time window a blank password is refused.
#[tokio::test]
async fn a_blank_password_expires() {
    let home = Home::new(&with("reset_window_mins = 0.0001"));
    let gateway = home.start();
    let address = gateway.address;
    let mut admin = prepare(address).await;
    admin.ask(message("EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": "jane" }))).await;
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    let code = change(address, "jane", "", "Password-2").await;
    assert_eq!(code.as_deref(), Some("INCORRECT_CREDENTIALS"));
    assert_eq!(login(address, "jane", "").await.as_deref(), Some("INCORRECT_CREDENTIALS"));
}

#[tokio::test]
async fn a_one_time_password_must_be_changed_before_a_login() {
    let home = Home::new(&with("reset_mode = 'one_time_password'"));
    let gateway = home.start();
    let address = gateway.address;
    let mut admin = prepare(address).await;
    let reset = message("EVENT_RESET_USER_PASSWORD", json!({ "USER_NAME": "jane" }));
    let answer = admin.ask(reset).await;
    let generated = answer["DETAILS"]["ONE_TIME_PASSWORD"].as_str().unwrap().to_owned();
    assert_eq!(login(address, "jane", "").await.as_deref(), Some("INCORRECT_CREDENTIALS"));
    let code = change(address, "jane", "", "Password-2").await;
    assert_eq!(code.as_deref(), Some("INCORRECT_CREDENTIALS"));
    assert_eq!(login(address, "jane", &generated).await.as_deref(), Some("PASSWORD_EXPIRED"));
    assert_eq!(change(address, "jane", &generated, "Password-2").await, None);
    assert_eq!(login(address, "jane", "Password-2").await, None);
    assert_eq!(login(address, "jane", &generated).await.as_deref(), Some("INCORRECT_CREDENTIALS"));
    // A reset by EVENT_AMEND_USER removes the password, and a blank one is refused, too.
    let amend = json!({ "USER_NAME": "jane", "STATUS": "PASSWORD_RESET" });
    admin.ask(message("EVENT_AMEND_USER", amend)).await;
    let code = change(address, "jane", "", "Password-3").await;
    assert_eq!(code.as_deref(), Some("INCORRECT_CREDENTIALS"));
    let (_, log) = gateway.signal("-TERM");
    assert!(!log.iter().any(|line| line.contains(&generated)));
}

#[tokio::test]
async fn a_generated_first_password_must_be_changed() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let address = gateway.address;
    let mut admin = prepare(address).await;
    let new = json!({ "USER_NAME": "new", "GENERATE_PASSWORD": true });
    let answer = admin.ask(message("EVENT_INSERT_USER", new)).await;
    let generated = answer["DETAILS"]["ONE_TIME_PASSWORD"].as_str().unwrap().to_owned();
    assert_eq!(generated.len(), 20);
    assert_eq!(login(address, "new", &generated).await.as_deref(), Some("PASSWORD_EXPIRED"));
    assert_eq!(change(address, "new", &generated, "Password-2").await, None);
    assert_eq!(login(address, "new", "Password-2").await, None);
    let bare = admin.ask(message("EVENT_INSERT_USER", json!({ "USER_NAME": "bare" }))).await;
    assert_eq!(bare["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
    assert_eq!(login(address, "bare", "").await.as_deref(), Some("INCORRECT_CREDENTIALS"));
}

/// A new user has no rights, sessions or failed logins of a deleted user with the same name.
#[tokio::test]
async fn a_reused_name_is_another_user() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let address = gateway.address;
    let mut admin = prepare(address).await;
    let amend = json!({ "USER_NAME": "jane", "RIGHT_CODES": ["VIEW_USERS"] });
    admin.ask(message("EVENT_AMEND_USER", amend)).await;
    let mut jane = Client::login(address, "jane", PASSWORD).await;
    let wrong = login(address, "jane", "wrong").await;
    assert_eq!(wrong.as_deref(), Some("INCORRECT_CREDENTIALS"));
    admin.ask(message("EVENT_DELETE_USER", json!({ "USER_NAME": "jane" }))).await;
    let ended = jane.receive().await.unwrap();
    assert_eq!(ended["DETAILS"]["REASON"], "DELETED", "{ended}");
    assert_eq!(login(address, "jane", PASSWORD).await.as_deref(), Some("UNKNOWN_ACCOUNT"));
    let again = json!({ "USER_NAME": "jane", "PASSWORD": "Password-2" });
    admin.ask(message("EVENT_INSERT_USER", again)).await;
    let mut jane = Client::connect(address).await;
    let details = json!({ "USER_NAME": "jane", "PASSWORD": "Password-2" });
    let ack = jane.ask(message("EVENT_LOGIN_AUTH", details)).await;
    assert_eq!((&ack["PERMISSION"], &ack["PROFILE"]), (&json!([]), &json!([])), "{ack}");
    assert_eq!(ack["DETAILS"]["FAILED_LOGIN_ATTEMPTS"], 0);
}
