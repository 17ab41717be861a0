//! Tests that limits are exact with fifty simultaneous requests.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, clients};

const CROWD: usize = 50;

/// Sends a message from [`CROWD`] connections at the same time and returns the replies.
async fn all_at_once(gateway: &GatewayProcess, message: Value) -> Vec<Value> {
    let mut crowd = join_all((0..CROWD).map(|_| Client::connect(gateway.address))).await;
    join_all(crowd.iter_mut().map(|client| client.ask(message.clone()))).await
}

fn count(answers: &[Value], code: &str) -> usize {
    answers.iter().filter(|answer| answer["CODE"] == code).count()
}

fn acks(answers: &[Value]) -> Vec<&Value> {
    let ack = |answer: &&Value| answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK");
    answers.iter().filter(ack).collect()
}

fn login(user: &str, password: &str) -> Value {
    json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
        "DETAILS": { "USER_NAME": user, "PASSWORD": password } })
}

#[tokio::test]
async fn three_of_fifty_logins_succeed_at_a_limit_of_three() {
    let home = Home::new(&format!("security.max_simultaneous_user_logins = 3\n{QUICK}"));
    let gateway = home.start();
    let answers = all_at_once(&gateway, login("admin", PASSWORD)).await;
    assert_eq!(acks(&answers).len(), 3);
    assert_eq!(count(&answers, "MAX_ACTIVE_SESSIONS_REACHED"), CROWD - 3);
}

#[tokio::test]
async fn fifty_wrong_passwords_lock_exactly_at_the_limit() {
    for scope in ["user", "user_and_address"] {
        let retry = "[security.genesis_password.retry]\nmax_attempts = 5";
        let home = Home::new(&format!("{QUICK}{retry}\nscope = '{scope}'"));
        let gateway = home.start();
        let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
        let user = json!({ "USER_NAME": "jane", "PASSWORD": "Crescent-1" });
        let insert =
            json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 1, "DETAILS": user });
        assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
        let answers = all_at_once(&gateway, login("jane", "wrong")).await;
        assert_eq!(count(&answers, "INCORRECT_CREDENTIALS"), 4, "{scope}");
        assert_eq!(count(&answers, "LOCKED_ACCOUNT"), CROWD - 4, "{scope}");
        let rows = clients::rows(&mut admin, "USER_LOGIN_ATTEMPT").await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((&rows[0]["USER_NAME"], &rows[0]["ATTEMPTS"]), (&json!("jane"), &json!(5)));
        let right = all_at_once(&gateway, login("jane", "Crescent-1")).await;
        assert_eq!(count(&right, "LOCKED_ACCOUNT"), CROWD, "{scope}");
    }
}

#[tokio::test]
async fn fifty_refreshes_give_one_token_pair() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let ack = Client::connect(gateway.address).await.ask(login("admin", PASSWORD)).await;
    let refresh = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 2,
        "DETAILS": { "REFRESH_AUTH_TOKEN": ack["REFRESH_AUTH_TOKEN"] } });
    let answers = all_at_once(&gateway, refresh).await;
    assert_eq!(acks(&answers).len(), CROWD, "{answers:?}");
    for field in ["SESSION_AUTH_TOKEN", "REFRESH_AUTH_TOKEN", "SESSION_ID"] {
        assert!(answers.iter().all(|answer| answer[field] == answers[0][field]), "{field}");
        assert_ne!(answers[0][field], ack[field]);
    }
}

#[tokio::test]
async fn one_of_fifty_uses_of_a_one_time_token_succeeds() {
    let home = Home::new(&format!("security.one_time_token_verify_by = 'open'\n{QUICK}"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let create = json!({ "MESSAGE_TYPE": "EVENT_CREATE_ONE_TIME_TOKEN", "SOURCE_REF": 1 });
    let token = admin.ask(create).await["DETAILS"]["TOKEN"].clone();
    let verify = json!({ "MESSAGE_TYPE": "EVENT_VERIFY_ONE_TIME_TOKEN", "SOURCE_REF": 2,
        "DETAILS": { "TOKEN": token } });
    let answers = all_at_once(&gateway, verify).await;
    let valid = answers.iter().filter(|answer| answer["DETAILS"]["VALID"] == true);
    let whose: Vec<_> = valid.map(|answer| &answer["DETAILS"]["USER_NAME"]).collect();
    assert_eq!((acks(&answers).len(), whose), (CROWD, vec![&json!("admin")]));
}

#[tokio::test]
async fn a_user_has_ten_one_time_tokens_at_most() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let ack = Client::connect(gateway.address).await.ask(login("admin", PASSWORD)).await;
    let create = json!({ "MESSAGE_TYPE": "EVENT_CREATE_ONE_TIME_TOKEN", "SOURCE_REF": 1,
        "SESSION_AUTH_TOKEN": ack["SESSION_AUTH_TOKEN"] });
    let answers = all_at_once(&gateway, create).await;
    assert_eq!(acks(&answers).len(), 10);
    assert_eq!(count(&answers, "TOO_MANY_REQUESTS"), CROWD - 10);
    let refused = answers.iter().find(|it| it["CODE"] == "TOO_MANY_REQUESTS").unwrap();
    let wait = refused["ERROR"][0]["DETAILS"]["RETRY_AFTER_MS"].as_u64().unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
}
