//! Tests of metrics, health and log lines of a running gateway.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::clients::get;
use crate::harness::{Client, Home, PASSWORD, QUICK};
#[tokio::test]
async fn metrics_and_health_are_served_without_user_names() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let management = format!("management_listen = '{free}'");
    let home = Home::new(&QUICK.replace("management_listen = ''", &management));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    admin.ask(json!({"MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1})).await;
    admin.ask(json!({"MESSAGE_TYPE": "NO_SUCH_MESSAGE", "SOURCE_REF": 2})).await;
    assert_eq!(get(free, "/health/live").await.0, 200);
    assert_eq!(get(free, "/health/ready").await, (200, "ready\n".to_owned()));
    assert_eq!(get(free, "/elsewhere").await.0, 404);
    let (status, metrics) = get(free, "/metrics").await;
    assert_eq!(status, 200);
    for name in [
        "tollgate_message_duration_seconds_bucket{message_type=\"EVENT_HEARTBEAT\",le=",
        "tollgate_message_duration_seconds_count{message_type=\"EVENT_LOGIN_AUTH\"} 1",
        "tollgate_messages_refused_total{message_type=\"?\",code=\"UNKNOWN_MESSAGE_TYPE\"} 1",
        "tollgate_connections 1",
        "tollgate_password_hash_queue_length",
        "tollgate_password_hash_wait_seconds_count 1",
        "tollgate_push_lag_seconds_count",
        "tollgate_commit_duration_seconds_count",
        "tollgate_sessions 1",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    assert!(!metrics.contains("admin"), "a user name is in the metrics");
    let (_, log) = gateway.signal("-TERM");
    let line = |word: &str| {
        let found = log.iter().find(|line| line.contains(word));
        serde_json::from_str::<Value>(found.unwrap()).unwrap()["fields"].clone()
    };
    assert_eq!(line("management listener started")["address"], free.to_string());
    let login = line("EVENT_LOGIN_AUTH");
    assert_eq!((&login["user"], &login["code"]), (&json!("admin"), &json!("OK")));
    assert_eq!(login["address"], "127.0.0.1");
    let refused = line("UNKNOWN_MESSAGE_TYPE");
    assert_eq!(
        (&refused["message"], &refused["user"]),
        (&json!("message refused"), &json!("admin"))
    );
}
