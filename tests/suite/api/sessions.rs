//! Tests of sessions in real time: heartbeats, idle time, services, connection limits.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::harness::{Client, Home, PASSWORD, QUICK};

fn login(source_ref: &str) -> Value {
    json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": source_ref,
        "DETAILS": {"USER_NAME": "admin", "PASSWORD": PASSWORD}})
}

fn refresh(token: &Value) -> Value {
    json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "refresh",
        "DETAILS": {"REFRESH_AUTH_TOKEN": token}})
}

/// Reads until the connection ends. Returns the received frames and the close code, if one was
/// sent.
async fn end_of(client: &mut Client) -> (Vec<Value>, Option<u16>) {
    let mut frames = Vec::new();
    loop {
        let frame = tokio::time::timeout(Duration::from_secs(20), client.socket.next()).await;
        match frame.expect("the connection did not end within 20 s") {
            Some(Ok(Message::Text(text))) => frames.push(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => return (frames, frame.map(|it| it.code.into())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return (frames, None),
        }
    }
}

#[tokio::test]
async fn missed_heartbeats_end_a_session_and_a_refresh_resumes_it() {
    let home = Home::new(&format!("{QUICK}[heartbeat]\ninterval_secs = 1\nmisses_allowed = 1"));
    let gateway = home.start();
    let mut silent = Client::connect(gateway.address).await;
    let ack = silent.ask(login("l")).await;
    let (frames, code) = end_of(&mut silent).await;
    assert_eq!(frames.last().unwrap()["DETAILS"]["REASON"], "HEARTBEAT_MISSED");
    assert_eq!(frames.last().unwrap()["DETAILS"]["RETRY"], "REFRESH");
    assert_eq!(code, Some(4002));
    let mut back = Client::connect(gateway.address).await;
    let heartbeat = json!({"MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1,
        "SESSION_AUTH_TOKEN": ack["SESSION_AUTH_TOKEN"]});
    assert_eq!(back.ask(heartbeat).await["MESSAGE_TYPE"], "EVENT_HEARTBEAT_NACK");
    let resumed = back.ask(refresh(&ack["REFRESH_AUTH_TOKEN"])).await;
    assert_eq!(resumed["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{resumed}");
}

#[tokio::test]
async fn heartbeats_do_not_prolong_an_unused_session_and_its_clients_are_warned() {
    let idle = "[security]\nsession_timeout_mins = 0.05\nrefresh_token_expiration_mins = 5";
    let home = Home::new(&format!("{QUICK}{}", idle.replace("[security]", "")));
    std::fs::write(home.path().join("tollgate.toml"), format!("{idle}\n{QUICK}")).unwrap();
    let gateway = home.start();
    let mut unused = Client::connect(gateway.address).await;
    unused.ask(login("l")).await;
    let heartbeat = json!({"MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1}).to_string();
    let mut frames = Vec::new();
    let code = loop {
        // Only heartbeats are sent: none is missed, but the session is not used.
        let _ = unused.socket.send(Message::text(heartbeat.clone())).await;
        match unused.socket.next().await {
            Some(Ok(Message::Text(text))) => {
                frames.push(serde_json::from_str::<Value>(&text).unwrap()["MESSAGE_TYPE"].clone());
            }
            Some(Ok(Message::Close(frame))) => break frame.map(|it| u16::from(it.code)),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(frames.contains(&json!("SESSION_EXPIRING")), "{frames:?}");
    assert_eq!(frames.last(), Some(&json!("SESSION_ENDED")));
    assert_eq!(code, Some(4001));
}

#[tokio::test]
async fn a_failed_host_is_listed_last_and_clients_are_notified() {
    let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let two = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ports = [one.local_addr().unwrap().port(), two.local_addr().unwrap().port()];
    let services = format!(
        "[service_list]\nhealth_check_secs = 1\n[[services]]\nname = 'A'\nhosts = [\n\
         {{ name = '127.0.0.1', port = {} }}, {{ name = '127.0.0.1', port = {} }}]",
        ports[0], ports[1]
    );
    let gateway = Home::new(&format!("{QUICK}{services}")).start();
    let mut client = Client::login(gateway.address, "admin", PASSWORD).await;
    let logon = json!({"MESSAGE_TYPE": "DATA_LOGON", "SOURCE_REF": "s",
        "DETAILS": {"DATASOURCE_NAME": "SERVICES"}});
    assert_eq!(client.ask(logon).await["MESSAGE_TYPE"], "LOGON_ACK");
    assert_eq!(client.receive().await.unwrap()["ROWS_COUNT"], 2);
    drop(one);
    let (mut pushed, mut rows) = (None, None);
    while pushed.is_none() || rows.is_none() {
        let frame = client.receive().await.unwrap();
        match frame["MESSAGE_TYPE"].as_str() {
            Some("EVENT_HEARTBEAT_ACK") => pushed = Some(frame),
            Some("QUERY_UPDATE") => rows = Some(frame),
            other => panic!("{other:?}"),
        }
    }
    let pushed = pushed.unwrap();
    assert_eq!(pushed["DETAILS"]["PUSHED"], true);
    assert_eq!(pushed["SOURCE_REF"], Value::Null);
    assert_eq!(pushed["DETAILS"]["SERVICE"][0]["HOST"][0]["PORT"], ports[1]);
    assert_eq!(rows.unwrap()["ROW"][0]["DETAILS"]["OPERATION"], "MODIFY");
}

#[tokio::test]
async fn a_connection_that_violates_a_limit_is_closed_with_a_reason() {
    let limits = "login_timeout_secs = 1\nmessages_per_sec_per_connection = 20\n\
                  frame_bytes = 4096\nmessage_bytes = 4096\n";
    let configuration = QUICK.replace("[security.scrypt]", &format!("{limits}[security.scrypt]"));
    let gateway = Home::new(&configuration).start();

    let mut idle = Client::connect(gateway.address).await;
    let (frames, code) = end_of(&mut idle).await;
    assert_eq!((frames[0]["DETAILS"]["REASON"].as_str(), code), (Some("LOGIN_WAIT"), Some(4012)));

    let mut binary = Client::connect(gateway.address).await;
    binary.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(end_of(&mut binary).await.1, Some(1003));

    let mut large = Client::connect(gateway.address).await;
    large.socket.send(Message::text("x".repeat(5_000))).await.unwrap();
    assert_eq!(end_of(&mut large).await.1, Some(1009));

    let mut fast = Client::login(gateway.address, "admin", PASSWORD).await;
    let ping = json!({"MESSAGE_TYPE": "HEARTBEAT_PING", "SOURCE_REF": "p"}).to_string();
    for _ in 0..400 {
        if fast.socket.send(Message::text(ping.clone())).await.is_err() {
            break;
        }
    }
    let (frames, code) = end_of(&mut fast).await;
    let refused = frames.iter().find(|frame| frame["CODE"] == "TOO_MANY_REQUESTS");
    assert!(refused.unwrap()["ERROR"][0]["DETAILS"]["RETRY_AFTER_MS"].is_u64());
    assert_eq!(code, Some(4511));
}

#[tokio::test]
async fn hostile_origins_get_no_upgrade() {
    let gateway = Home::new(QUICK).start();
    let upgrade = async |origin: Option<&str>| {
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        let mut request = format!("ws://{}/", gateway.address).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().unwrap());
        }
        tokio_tungstenite::client_async(request, stream).await.is_ok()
    };
    assert!(upgrade(None).await);
    assert!(upgrade(Some(&format!("http://{}", gateway.address))).await);
    for hostile in ["null", "http://evil.example", "http://127.0.0.1:1"] {
        assert!(!upgrade(Some(hostile)).await, "{hostile}");
    }
}

#[tokio::test]
async fn a_login_that_waits_for_its_hash_delays_no_heartbeat() {
    let slow = QUICK.replace("log_n = 4\nr = 8\np = 1", "log_n = 15\nr = 8\np = 8");
    let gateway = Home::new(&slow).start();
    let mut client = Client::login(gateway.address, "admin", PASSWORD).await;
    client.send(login("slow")).await;
    client.send(json!({"MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": "quick"})).await;
    let answers = [client.receive().await.unwrap(), client.receive().await.unwrap()];
    let order: Vec<_> = answers.iter().map(|it| it["SOURCE_REF"].as_str().unwrap()).collect();
    assert_eq!(order, ["quick", "slow"]);
}

/// A connection caches the last token with its session. The cache must not outlive the token, and
/// must not be used for another session.
#[tokio::test]
async fn a_replaced_token_is_refused_on_the_connection_that_cached_it() {
    let home = Home::new(&format!("{QUICK}[security]\nrefresh_grace_secs = 1"));
    let gateway = home.start();
    let details = |token: &Value| {
        json!({"MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": "d",
            "SESSION_AUTH_TOKEN": token})
    };
    let mut client = Client::connect(gateway.address).await;
    let first = client.ask(login("l")).await;
    let (token, refresh_token) = (&first["SESSION_AUTH_TOKEN"], &first["REFRESH_AUTH_TOKEN"]);
    for _ in 0..2 {
        let ack = client.ask(details(token)).await;
        assert_eq!(ack["SESSION_ID"], first["SESSION_ID"], "{ack}");
    }

    // Each token authenticates its own session, also on the connection of another session.
    let mut other = Client::connect(gateway.address).await;
    let second = other.ask(login("l")).await;
    for (token, session) in [(&second, &second), (&first, &first), (&second, &second)] {
        let ack = client.ask(details(&token["SESSION_AUTH_TOKEN"])).await;
        assert_eq!(ack["SESSION_ID"], session["SESSION_ID"], "{ack}");
    }

    let renewed = other.ask(refresh(refresh_token)).await;
    let until_refused = async {
        loop {
            let answer = client.ask(details(token)).await;
            if answer["MESSAGE_TYPE"] != "EVENT_LOGIN_DETAILS_ACK" {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(20), until_refused).await;
    let refused = refused.expect("the token is still accepted after the grace period");
    assert_eq!(refused["CODE"], "SESSION_NOT_FOUND", "{refused}");
    let ack = client.ask(details(&renewed["SESSION_AUTH_TOKEN"])).await;
    assert_eq!(ack["SESSION_ID"], renewed["SESSION_ID"], "{ack}");
}
