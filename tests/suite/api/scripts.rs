//! Scripts under `protocol/scripts`, played by the router alone, over a socket and over REST.

use crate::harness::scripts::{Routers, play, replay, scripts, with_users};

#[test]
fn every_script_plays_over_a_real_socket() {
    for script in scripts() {
        let (home, gateway) = with_users(&script);
        replay(&home, &gateway, "ws", &script);
        assert_eq!(gateway.signal("-TERM").0, Some(0));
    }
}

/// Frames that are no messages are of sockets only; what REST makes of such bodies has its own
/// tests.
const OF_SOCKETS: &[&str] = &["errors.script"];

#[test]
fn every_script_plays_over_rest() {
    for script in scripts() {
        if !OF_SOCKETS.iter().any(|name| script.ends_with(name)) {
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
        assert!(texts.contains(handler.ack), "no script has {}", handler.ack);
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
