//! Tests of `serve --demo`: the printed commands work as pasted; only loopback is served.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::GatewayProcess;
use crate::harness::gateway::{output_text, shell, tollgate};

/// A running demo and the commands that it has printed.
fn demo(folder: &std::path::Path) -> (GatewayProcess, Vec<String>) {
    let file = folder.join("printed");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["serve", "--demo", "--listen", "127.0.0.1:0"]).current_dir(folder);
    command.env("TOLLGATE_SERVER__MANAGEMENT_LISTEN", "");
    let stdout = Stdio::from(std::fs::File::create(&file).unwrap());
    let gateway = GatewayProcess::spawn_to(&mut command, stdout).unwrap();
    // The demo prints its text right after it logs `listening`, for which `spawn_to` waits.
    let text = (0..).find_map(|_| {
        std::thread::yield_now();
        let text = std::fs::read_to_string(&file).unwrap();
        text.ends_with("\n\n").then_some(text)
    });
    let text = text.unwrap();
    let commands = text.lines().map(str::trim).filter(|line| line.starts_with("echo "));
    (gateway, commands.map(str::to_owned).collect())
}

#[test]
fn the_three_printed_commands_work() {
    let folder = tempfile::tempdir().unwrap();
    let (gateway, commands) = demo(folder.path());
    let [heartbeat, subscribe, amend] = commands.as_slice() else { panic!("{commands:?}") };
    let replies = shell(heartbeat, folder.path());
    assert_eq!(replies[1]["DETAILS"]["SERVICE"][0]["NAME"], "ORDER_EVENT_HANDLER");

    let mut subscriber = Command::new("sh");
    let mut subscriber =
        subscriber.arg("-c").arg(subscribe).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(subscriber.stdout.take().unwrap()).lines();
    let mut frames = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut update = || frames.find(|it| it["MESSAGE_TYPE"] == "QUERY_UPDATE").unwrap();
    assert_eq!(update()["ROWS_COUNT"], 3);
    let replies = shell(amend, folder.path());
    assert_eq!(replies[1]["MESSAGE_TYPE"], "EVENT_AMEND_PROFILE_ACK");
    let pushed = update();
    assert_eq!(pushed["ROW"][0]["DETAILS"]["OPERATION"], "DELETE", "{pushed}");
    // The end of the gateway ends the subscriber.
    let (code, _) = gateway.signal("-TERM");
    assert_eq!(code, Some(0));
    subscriber.wait().unwrap();
    let created: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(created.len(), 1, "only `printed`, a file of this test, may exist: {created:?}");
}

#[test]
fn a_demo_refuses_other_addresses_and_stores() {
    let out = tollgate(&["serve", "--demo", "--listen", "0.0.0.0:0"]);
    assert_eq!(out.status.code(), Some(6));
    assert!(output_text(&out).contains("use a loopback address"), "{out:?}");
    let out = tollgate(&["serve", "--demo", "--data-dir", "data"]);
    assert_eq!(out.status.code(), Some(2));
}
