//! Test of the limit of log lines that clients without a session cause.
#![expect(clippy::disallowed_methods, reason = "this test measures the time of another process")]

use serde_json::{Value, json};

use crate::harness::{Client, Home, PASSWORD, QUICK};

/// Sends refused messages from one address in this number of connections, 40 in each.
async fn refused(address: std::net::SocketAddr, connections: usize) {
    for _ in 0..connections {
        let mut client = Client::connect(address).await;
        for at in 0..40 {
            let message = json!({ "MESSAGE_TYPE": "EVENT_BACKUP", "SOURCE_REF": at });
            assert_eq!(client.ask(message).await["CODE"], "SESSION_NOT_FOUND");
        }
    }
}

#[tokio::test]
async fn refusals_beyond_the_limits_are_counted_instead_of_logged() {
    let configuration = QUICK.replace(
        "[server.limits]",
        "[server.limits]\nrefusal_lines_per_sec_per_address = 3\nrefusal_lines_per_sec = 10",
    );
    let home = Home::new(&configuration);
    let gateway = home.start();
    let began = std::time::Instant::now();
    refused(gateway.address, 10).await;
    let seconds = began.elapsed().as_secs() as usize + 2;
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    admin.socket.close(None).await.unwrap();
    let (_, log) = gateway.signal("-TERM");
    let fields: Vec<Value> = log
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take())
        .collect();
    let logged = fields.iter().filter(|it| it["message"] == "message refused").count();
    assert!((3..=3 * seconds).contains(&logged), "{logged} lines in {seconds} s");
    let summaries: Vec<_> =
        fields.iter().filter(|it| it["message"] == "log lines of refusals were omitted").collect();
    assert!((1..=seconds).contains(&summaries.len()), "{summaries:?}");
    let omitted: u64 = summaries.iter().map(|it| it["lines"].as_u64().unwrap()).sum();
    assert_eq!(logged + omitted as usize, 400);
    assert!(summaries.iter().all(|it| it["addresses"] == 1), "{summaries:?}");
    // The lines of accepted messages are not limited.
    assert!(fields.iter().any(|it| it["message"] == "message accepted"), "{fields:?}");
}
