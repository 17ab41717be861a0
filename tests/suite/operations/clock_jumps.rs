//! Tests of clock jumps and suspended processes: sessions end on time.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::clients::get;
use crate::harness::{Client, Home, MovedClock, PASSWORD, QUICK, signals};

async fn details(client: &mut Client) -> Value {
    client.ask(json!({ "MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": "d" })).await
}

#[tokio::test]
async fn a_clock_jump_ends_no_session_and_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let management = format!("management_listen = '{free}'");
    let moved = MovedClock::start(&QUICK.replace("management_listen = ''", &management));
    let mut admin = Client::login(moved.gateway.address, "admin", PASSWORD).await;
    assert_eq!(get(free, "/health/ready").await.0, 200);
    // The jumps exceed both time limits: 30 minutes without use (heartbeats do not count) and
    // 90 s without any message.
    for seconds in [3_600, -3_600] {
        moved.jump(seconds);
        let jumped = Instant::now();
        while get(free, "/health/ready").await.0 != 503 {
            assert!(
                jumped.elapsed() < Duration::from_secs(5),
                "the jump was not reported within 5 s"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..10 {
            assert_eq!(details(&mut admin).await["MESSAGE_TYPE"], "EVENT_LOGIN_DETAILS_ACK");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    moved.jump(0);
}

#[tokio::test]
async fn a_clock_set_back_prolongs_no_session() {
    let idle = "[security]\nsession_timeout_mins = 0.03\nrefresh_token_expiration_mins = 0.1\n";
    let mut moved = MovedClock::start(&format!("{QUICK}{idle}"));
    let mut idle = Client::login(moved.gateway.address, "admin", PASSWORD).await;
    let began = Instant::now();
    moved.jump(-3_600);
    let mut last = Value::Null;
    while let Some(message) = idle.receive().await {
        last = message;
    }
    assert_eq!(last["DETAILS"]["REASON"], "IDLE", "{last}");
    let took = began.elapsed();
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(10), "after {took:?}");

    // The same after a restart with the clock set back by an hour.
    let mut other = Client::connect(moved.gateway.address).await;
    let login = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
        "DETAILS": { "USER_NAME": "admin", "PASSWORD": PASSWORD } });
    let ack = other.ask(login).await;
    signals::send(&moved.gateway.child, "-KILL");
    moved.gateway.child.wait().unwrap();
    moved.gateway = MovedClock::spawn(&moved.home, &moved.offset);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut late = Client::connect(moved.gateway.address).await;
    let old = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": 1,
        "SESSION_AUTH_TOKEN": ack["SESSION_AUTH_TOKEN"] });
    let refused = late.ask(old).await;
    assert_eq!(refused["MESSAGE_TYPE"], "EVENT_LOGIN_DETAILS_NACK", "{refused}");
}

/// Messages that were sent while the process was suspended are refused if the session has expired.
#[tokio::test]
async fn a_resumed_process_serves_no_expired_session() {
    let idle = "[security]\nsession_timeout_mins = 0.03\n";
    let home = Home::new(&format!("{QUICK}{idle}"));
    let gateway = home.start();
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::login(gateway.address, "admin", PASSWORD).await);
    }
    signals::pause(&gateway.child);
    let late = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": "late" });
    for client in &mut clients {
        client.send(late.clone()).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    signals::resume(&gateway.child);
    for mut client in clients {
        let mut ended = false;
        while let Some(message) = client.receive().await {
            assert_ne!(message["MESSAGE_TYPE"], "EVENT_LOGIN_DETAILS_ACK", "{message}");
            ended |= message["MESSAGE_TYPE"] == "SESSION_ENDED";
        }
        assert!(ended, "the client received no SESSION_ENDED");
    }
}
