//! Tests of `record`: a recorded script plays without mismatch, a changed one fails.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::command::{REPLAY_FAILED, interrupt, replay, report, tollgate};
use crate::harness::gateway::output_text;
use crate::harness::{Client, Home, PASSWORD, QUICK};

/// A `record` process in front of a gateway.
struct Recorder {
    child: Child,
    address: std::net::SocketAddr,
}

impl Recorder {
    fn start(home: &Home, to: &str) -> Self {
        let words = ["record", "--listen", "127.0.0.1:0", "--to", to, "--out", "session.script"];
        let mut child = tollgate(home, &words).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = String::new();
        let mut reader = BufReader::new(child.stderr.take().unwrap());
        reader.read_line(&mut output).unwrap();
        let address = output.split("ws://").nth(1).and_then(|it| it.split(' ').next());
        let address = address.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("{output}"));
        // The recorder continues to write: its pipe must be read.
        std::thread::spawn(move || reader.lines().for_each(drop));
        Self { child, address }
    }
}

/// Logs in, subscribes, changes records, receives pushed changes and logs out. Returns the tokens
/// and the SESSION_ID, none of which may be in a recording.
async fn work(address: std::net::SocketAddr) -> Vec<String> {
    let mut client = Client::connect(address).await;
    let login = json!({"MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": "l",
        "DETAILS": {"USER_NAME": "admin", "PASSWORD": PASSWORD}});
    let ack = client.ask(login).await;
    let tokens = ["SESSION_AUTH_TOKEN", "REFRESH_AUTH_TOKEN", "SESSION_ID"];
    let tokens = tokens.map(|name| ack[name].as_str().unwrap().to_owned());
    let mut send = async |source_ref: Value, name: &str, details: Value| {
        let message = json!({"MESSAGE_TYPE": name, "SOURCE_REF": source_ref, "DETAILS": details,
            "SESSION_AUTH_TOKEN": tokens[0]});
        client.ask(message).await
    };
    let logon = json!({"DATASOURCE_NAME": "ALL_PROFILES", "MAX_ROWS": 10});
    assert_eq!(send(json!("p"), "DATA_LOGON", logon).await["MESSAGE_TYPE"], "LOGON_ACK");
    let made = send(json!(1), "EVENT_INSERT_PROFILE", json!({"NAME": "TRADER"})).await;
    let id = made["DETAILS"]["ID"].clone();
    let amend = json!({"ID": id, "DESCRIPTION": "of the desk"});
    send(json!(2), "EVENT_AMEND_PROFILE", amend).await;
    send(json!(3), "EVENT_INSERT_PROFILE", json!({"NAME": "TRADER"})).await;
    send(json!(4), "EVENT_HEARTBEAT", json!({})).await;
    let left = send(json!(5), "EVENT_LOGOUT", json!({})).await;
    assert_eq!(left["MESSAGE_TYPE"], "LOGOUT_ACK", "{left}");
    tokens.to_vec()
}

#[tokio::test]
async fn a_recording_plays_without_mismatch_and_a_changed_one_names_the_field() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let recorder = Recorder::start(&home, &format!("ws://{}", gateway.address));
    let secrets = [work(recorder.address).await, vec![PASSWORD.to_owned()]].concat();
    let done = interrupt(recorder.child);
    assert!(done.status.success(), "{}", output_text(&done));
    let text = std::fs::read_to_string(home.path().join("session.script")).unwrap();
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} in {text}");
    }
    // A store without the recorded changes.
    let other = Home::new(QUICK);
    let gateway = other.start();
    let password = format!("password={PASSWORD}");
    let play = |name: &str, text: &str| {
        std::fs::write(other.path().join(name), text).unwrap();
        replay(&other, &gateway, &["--verify", "--timeout", "3s", "--set", &password, name])
            .output()
            .unwrap()
    };
    let done = play("session.script", &text);
    assert_eq!(done.status.code(), Some(0), "{}\n{text}", output_text(&done));
    assert!(
        report(&other)["verification"]["compared"].as_u64().unwrap() >= 9,
        "{}",
        output_text(&done)
    );
    // The second run fails, since the profile exists already.
    let done = play("again.script", &text);
    assert_eq!(done.status.code(), REPLAY_FAILED, "{}", output_text(&done));
    let last = Home::new(QUICK);
    let gateway = last.start();
    // The message still sends the recorded description, but the script expects another.
    let changed = text.replace("\"of the desk\"", "\"of another\"");
    let sent = changed.replacen("\"of another\"", "\"of the desk\"", 1);
    assert_ne!(sent, changed);
    std::fs::write(last.path().join("changed.script"), &sent).unwrap();
    let words = ["--verify", "--set", &password, "changed.script"];
    let done = replay(&last, &gateway, &words).output().unwrap();
    assert_eq!(done.status.code(), REPLAY_FAILED, "{}\n{sent}", output_text(&done));
    let differences = &report(&last)["verification"]["differences"];
    let field = differences[0]["field"].as_str().unwrap();
    assert!(field.ends_with(".DETAILS.DESCRIPTION"), "{differences}");
    assert!(output_text(&done).contains("expected \"of another\", received \"of the desk\""));
}

#[test]
fn a_recording_never_overwrites_a_file() {
    let home = Home::new(QUICK);
    let frame = |kind: &str, time: f64, data: Value| {
        let data = data.to_string();
        json!({"type": kind, "time": time, "opcode": 1, "data": data})
    };
    let sent = frame("send", 1.5, json!({"MESSAGE_TYPE": "EVENT_HEARTBEAT", "SOURCE_REF": 1}));
    let received = frame("receive", 1.6, json!({"MESSAGE_TYPE": "MSG_NACK", "SOURCE_REF": 1}));
    let har = json!({"log": {"entries": [{"_webSocketMessages": [sent, received]}]}});
    std::fs::write(home.path().join("a.har"), har.to_string()).unwrap();
    let record = ["record", "--har", "a.har", "--out", "a.script"];
    let run = || tollgate(&home, &record).output().unwrap();
    assert!(run().status.success());
    let text = std::fs::read_to_string(home.path().join("a.script")).unwrap();
    assert_eq!(protocol::script::Script::parse(&text).unwrap().steps.len(), 2, "{text}");
    let again = run();
    assert_eq!(again.status.code(), Some(1));
    assert!(output_text(&again).contains("cannot create a.script"), "{}", output_text(&again));
}
