//! Tests of locks by user and address: an attacker cannot lock the user out.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Home, PASSWORD, clients};

/// Cheap hashes, locks by user and address, and no limit of failed logins per address.
const CONFIGURATION: &str = "\
[server]
management_listen = ''
[server.limits]
failed_logins_per_min_per_address = 0
messages_per_sec_per_connection = 1000000
unauthenticated_frames_per_sec = 1000000
[security.scrypt]
log_n = 4
p = 1
[security.genesis_password.retry]
scope = 'user_and_address'
";

fn login(password: &str) -> Value {
    json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "login",
        "DETAILS": { "USER_NAME": "admin", "PASSWORD": password } })
}

#[tokio::test]
async fn a_thousand_failures_from_elsewhere_do_not_lock_the_user_out() {
    let home = Home::new(CONFIGURATION);
    let gateway = home.start();
    let mut live = Client::connect_from("127.0.0.3", gateway.address).await;
    assert_eq!(live.ask(login(PASSWORD)).await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");
    let mut attacker = Client::connect_from("127.0.0.2", gateway.address).await;
    let mut codes = Vec::new();
    for number in 0..1_000 {
        codes.push(attacker.ask(login(&format!("wrong {number}"))).await["CODE"].clone());
    }
    assert_eq!(codes.iter().filter(|code| **code == "INCORRECT_CREDENTIALS").count(), 2);
    assert_eq!(codes.iter().filter(|code| **code == "LOCKED_ACCOUNT").count(), 998);

    let began = std::time::Instant::now();
    for address in ["127.0.0.3", "127.0.0.4"] {
        let mut owner = Client::connect_from(address, gateway.address).await;
        let ack = owner.ask(login(PASSWORD)).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{address}: {ack}");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let heartbeat = json!({ "MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1 });
    assert_eq!(live.ask(heartbeat).await["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK");
    // From the address of the attacker even the correct password is refused.
    assert_eq!(attacker.ask(login(PASSWORD)).await["CODE"], "LOCKED_ACCOUNT");
}

/// An administrator unlocks the user for all addresses at once.
#[tokio::test]
async fn deleting_the_attempts_unlocks_all_addresses() {
    let home = Home::new(CONFIGURATION);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let user = json!({ "USER_NAME": "jane", "PASSWORD": "Crescent-1" });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 1, "DETAILS": user });
    assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");
    let attempt = async |address: &str, password: &str| {
        let message = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 2,
            "DETAILS": { "USER_NAME": "jane", "PASSWORD": password } });
        Client::connect_from(address, gateway.address).await.ask(message).await["CODE"].clone()
    };
    for address in ["127.0.0.2", "127.0.0.3"] {
        for _ in 0..3 {
            attempt(address, "wrong").await;
        }
        assert_eq!(attempt(address, "Crescent-1").await, "LOCKED_ACCOUNT");
    }
    let unlock = json!({ "MESSAGE_TYPE": "EVENT_DELETE_USER_LOGIN_ATTEMPT", "SOURCE_REF": 3,
        "DETAILS": { "USER_NAME": "jane" } });
    let unlocked = admin.ask(unlock).await;
    assert_eq!(unlocked["MESSAGE_TYPE"], "EVENT_DELETE_USER_LOGIN_ATTEMPT_ACK", "{unlocked}");
    for address in ["127.0.0.2", "127.0.0.3"] {
        assert_eq!(attempt(address, "Crescent-1").await, Value::Null, "{address}");
    }
}

/// Failed logins of an address are limited, for all users together. Successful logins do not count.
#[tokio::test]
async fn an_address_with_too_many_failures_must_wait() {
    let limits = "failed_logins_per_min_per_address = 5\nconnections_per_address_max = 6";
    let home = Home::new(&CONFIGURATION.replace("failed_logins_per_min_per_address = 0", limits));
    let gateway = home.start();
    let mut owner = Client::connect_from("127.0.0.3", gateway.address).await;
    for _ in 0..12 {
        assert_eq!(owner.ask(login(PASSWORD)).await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");
    }
    let mut attacker = Client::connect_from("127.0.0.2", gateway.address).await;
    let guess = |number: usize| {
        json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": number,
            "DETAILS": { "USER_NAME": format!("user{number}"), "PASSWORD": "Crescent-1" } })
    };
    for number in 0..5 {
        assert_eq!(attacker.ask(guess(number)).await["CODE"], "UNKNOWN_ACCOUNT");
    }
    let refused = attacker.ask(guess(6)).await;
    assert_eq!(refused["CODE"], "TOO_MANY_REQUESTS");
    let wait = refused["ERROR"][0]["DETAILS"]["RETRY_AFTER_MS"].as_u64().unwrap();
    assert!((1..=12_000).contains(&wait), "{wait}");
    assert_eq!(attacker.ask(login(PASSWORD)).await["CODE"], "TOO_MANY_REQUESTS");
    assert_eq!(owner.ask(login(PASSWORD)).await["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK");
    // The limit applies to the token API, too, with an HTTP status.
    let url = format!("http://{}/auth/token", gateway.address);
    let out = std::process::Command::new("curl")
        .args(["-si", "--interface", "127.0.0.2", "-H", "Content-Type: application/json"])
        .args(["-d", r#"{"login":"admin","password":"x"}"#, &url])
        .output()
        .unwrap();
    let response = String::from_utf8(out.stdout).unwrap().to_lowercase();
    assert!(
        response.starts_with("http/1.1 429 ") && response.contains("\r\nretry-after: "),
        "{response}"
    );

    // The number of connections of an address is limited, too.
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(Client::connect_from("127.0.0.5", gateway.address).await);
    }
    let stream = clients::stream_from("127.0.0.5", gateway.address).await;
    let seventh = tokio_tungstenite::client_async("ws://gate/", stream).await;
    assert!(seventh.is_err(), "a seventh connection was accepted");
    Client::connect_from("127.0.0.6", gateway.address).await;
}
