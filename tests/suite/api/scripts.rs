//! Tests that play `protocol/scripts` in process, over WebSocket and over REST.

use crate::harness::scripts::{Routers, play, replay, scripts, with_users};

#[test]
fn every_script_plays_over_websocket() {
    for script in scripts() {
        let (home, gateway) = with_users(&script);
        replay(&home, &gateway, "ws", &script);
        assert_eq!(gateway.signal("-TERM").0, Some(0));
    }
}

/// Scripts that send invalid frames, which only a WebSocket can carry. `rest.rs` tests invalid
/// bodies.
const WEBSOCKET_ONLY: &[&str] = &["errors.script"];

#[test]
fn every_script_plays_over_rest() {
    for script in scripts() {
        if !WEBSOCKET_ONLY.iter().any(|name| script.ends_with(name)) {
            let (home, gateway) = with_users(&script);
            replay(&home, &gateway, "http", &script);
        }
    }
}

#[test]
fn every_message_is_in_a_script() {
    let texts = scripts().into_iter().map(|path| std::fs::read_to_string(path).unwrap());
    let texts = texts.collect::<Vec<_>>().join("\n");
    for handler in &tollgate::messages::HANDLERS {
        let json = format!("\"MESSAGE_TYPE\": \"{}\"", handler.name);
        let lines = format!("MESSAGE_TYPE = {}\n", handler.name);
        let sent = texts.contains(&json) || texts.contains(&lines);
        assert!(sent, "no script sends {}", handler.name);
        assert!(texts.contains(handler.ack), "no script expects {}", handler.ack);
    }
}

#[tokio::test]
async fn every_script_plays_through_the_router() {
    for script in scripts() {
        let routers = Routers::start(&script).await;
        let mails = routers.mails.path().to_owned();
        play(routers, &script, &mails).await;
    }
}
