//! Tests of limits by address: an attacker behind it does not punish the others.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Client, GatewayProcess, Home, PASSWORD};

/// The limit of failed logins of an address is 20 a minute, and a password check takes some 10 ms.
const CONFIGURATION: &str = "\
[server]
management_listen = ''
[server.limits]
failed_logins_per_min_per_address = 20
messages_per_sec_per_connection = 1000000
unauthenticated_frames_per_sec = 1000000
[security.scrypt]
log_n = 12
p = 1
[security.genesis_password.retry]
max_attempts = 5
scope = 'user_and_address'
[security.genesis_password.validation.password_strength]
historical_check = 24
";

/// Time in which an honest client gets an answer. The tests allow ten times as much, because the
/// machine may be busy.
const ANSWER_MAX: Duration = Duration::from_secs(50);

/// The address that the attacker shares with the others.
const SHARED: &str = "127.0.0.2";

fn message(kind: &str, details: Value) -> Value {
    json!({ "MESSAGE_TYPE": kind, "SOURCE_REF": 1, "DETAILS": details })
}

fn login(name: &str, password: &str) -> Value {
    message("EVENT_LOGIN_AUTH", json!({ "USER_NAME": name, "PASSWORD": password }))
}

fn refresh(token: &Value) -> Value {
    message("EVENT_LOGIN_AUTH", json!({ "REFRESH_AUTH_TOKEN": token }))
}

/// Starts the gateway and inserts the users user0 to user9 with the password of a test.
async fn start(home: &Home) -> GatewayProcess {
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for number in 0..10 {
        let user = json!({ "USER_NAME": format!("user{number}"), "PASSWORD": "Crescent-1" });
        let ack = admin.ask(message("EVENT_INSERT_USER", user)).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK", "{ack}");
    }
    gateway
}

/// Logs in and returns the client and the ack.
async fn logged_in(address: &str, gateway: SocketAddr, name: &str) -> (Client, Value) {
    let began = Instant::now();
    let mut client = Client::connect_from(address, gateway).await;
    let ack = client.ask(login(name, "Crescent-1")).await;
    assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{name}: {ack}");
    assert!(began.elapsed() < ANSWER_MAX, "{name}: {:?}", began.elapsed());
    (client, ack)
}

/// Sends the messages at once, each on its own connection, and returns the codes of the replies.
async fn at_once(gateway: SocketAddr, messages: impl Iterator<Item = Value>) -> Vec<String> {
    let mut clients = Vec::new();
    for message in messages {
        clients.push((Client::connect_from(SHARED, gateway).await, message));
    }
    let ask = |(mut client, message): (Client, Value)| {
        tokio::spawn(async move {
            client.ask(message).await["CODE"].as_str().unwrap_or("OK").to_owned()
        })
    };
    let asked: Vec<_> = clients.into_iter().map(ask).collect();
    let mut codes = Vec::new();
    for reply in asked {
        codes.push(reply.await.unwrap());
    }
    codes
}

fn count(codes: &[String], code: &str) -> usize {
    codes.iter().filter(|it| *it == code).count()
}

#[tokio::test]
async fn parallel_guesses_do_not_pass_the_limit_of_their_address() {
    let home = Home::new(CONFIGURATION);
    let gateway = start(&home).await;
    let guesses = (0..300).map(|number| login(&format!("unknown{number}"), "Crescent-1"));
    let codes = at_once(gateway.address, guesses).await;
    let tried = count(&codes, "UNKNOWN_ACCOUNT");
    // The bucket gets a further token every three seconds.
    assert!((20..40).contains(&tried), "{tried} of 300 guesses were checked");
    assert_eq!(tried + count(&codes, "TOO_MANY_REQUESTS"), 300, "{codes:?}");
}

#[tokio::test]
async fn parallel_guesses_do_not_pass_the_lock_of_a_user() {
    let home = Home::new(&CONFIGURATION.replace("_address = 20", "_address = 0"));
    let gateway = start(&home).await;
    let guesses = (0..100).map(|number| login("user0", &format!("wrong {number}")));
    let codes = at_once(gateway.address, guesses).await;
    assert_eq!(count(&codes, "INCORRECT_CREDENTIALS"), 4);
    assert_eq!(count(&codes, "LOCKED_ACCOUNT"), 96);
    let log = gateway.signal("-TERM").1.join("\n");
    assert!(log.contains("wrong passwords or codes locked the logins of a user"), "{log}");
    assert!(log.contains("locked_until"), "{log}");
}

#[tokio::test]
async fn right_passwords_that_arrive_at_once_are_not_refused() {
    let home = Home::new(CONFIGURATION);
    let gateway = start(&home).await;
    // No user is known at the address.
    let logins = (0..60).map(|number| login(&format!("user{}", number % 10), "Crescent-1"));
    let codes = at_once(gateway.address, logins).await;
    assert_eq!(count(&codes, "OK"), 60, "{codes:?}");
}

#[tokio::test]
async fn beyond_the_limit_of_the_address_only_users_known_there_log_in() {
    let home = Home::new(CONFIGURATION);
    let gateway = start(&home).await;
    let (_client, ack) = logged_in(SHARED, gateway.address, "user1").await;
    let mut attacker = Client::connect_from(SHARED, gateway.address).await;
    for number in 0..25 {
        attacker.ask(login(&format!("unknown{number}"), "x")).await;
    }
    assert_eq!(attacker.ask(login("user2", "Crescent-1")).await["CODE"], "TOO_MANY_REQUESTS");
    logged_in(SHARED, gateway.address, "user1").await;
    // Neither a refresh nor a logout is refused by this limit.
    let mut client = Client::connect_from(SHARED, gateway.address).await;
    let refreshed = client.ask(refresh(&ack["REFRESH_AUTH_TOKEN"])).await;
    assert_eq!(refreshed["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{refreshed}");
    let named = json!({ "USER_NAME": "user1", "SESSION_ID": refreshed["SESSION_ID"] });
    let mut other = Client::connect_from(SHARED, gateway.address).await;
    let ended = other.ask(message("EVENT_LOGOUT", named)).await;
    assert_eq!(ended["MESSAGE_TYPE"], "LOGOUT_ACK", "{ended}");
    // The guesses at a known user are counted by the lock of this user.
    let mut codes = Vec::new();
    for _ in 0..10 {
        let reply = attacker.ask(login("user1", "wrong")).await;
        codes.push(reply["CODE"].as_str().unwrap_or("OK").to_owned());
    }
    assert_eq!(count(&codes, "INCORRECT_CREDENTIALS"), 4, "{codes:?}");
}

/// One of the attacker's connections: guesses, refreshes with rubbish and changes passwords.
async fn attack(number: usize, gateway: SocketAddr) {
    let mut client = Client::connect_from(SHARED, gateway).await;
    for round in 0.. {
        let change = json!({
            "USER_NAME": "user9", "OLD_PASSWORD": "Crescent-1", "NEW_PASSWORD": "Crescent-1",
        });
        let messages = [
            login(&format!("unknown{number}-{round}"), "guess"),
            login("user8", "guess"),
            refresh(&json!(format!("{number:016}{round:016}"))),
            message("EVENT_CHANGE_USER_PASSWORD", change),
        ];
        client.ask(messages[(number + round) % messages.len()].clone()).await;
    }
}

#[tokio::test]
async fn an_attacker_behind_the_same_address_keeps_no_one_else_out() {
    let home = Home::new(CONFIGURATION);
    let gateway = start(&home).await;
    let address = gateway.address;
    let mut live = Vec::new();
    for number in 0..10 {
        let (client, ack) = logged_in(SHARED, address, &format!("user{number}")).await;
        live.push((client, ack["REFRESH_AUTH_TOKEN"].clone()));
    }
    let attackers: Vec<_> =
        (0..80).map(|number| tokio::spawn(async move { attack(number, address).await })).collect();
    // The attack has exhausted the limit when an unknown name is refused.
    let mut probe = Client::connect_from(SHARED, address).await;
    while probe.ask(login("unknown", "x")).await["CODE"] != "TOO_MANY_REQUESTS" {}
    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        for number in 0..8 {
            let began = Instant::now();
            logged_in(SHARED, address, &format!("user{number}")).await;
            slowest = slowest.max(began.elapsed());
        }
    }
    for (client, token) in live.iter_mut().take(8) {
        let heartbeat = client.ask(message("EVENT_HEARTBEAT", json!({}))).await;
        assert_eq!(heartbeat["MESSAGE_TYPE"], "EVENT_HEARTBEAT_ACK", "{heartbeat}");
        let refreshed = client.ask(refresh(token)).await;
        assert_eq!(refreshed["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{refreshed}");
    }
    println!("the slowest login took {slowest:?}");
    assert!(attackers.iter().all(|attacker| !attacker.is_finished()));
    attackers.iter().for_each(|attacker| attacker.abort());
}
