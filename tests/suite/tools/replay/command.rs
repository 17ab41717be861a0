//! Functions that run `replay` and `record` and read the report.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::harness::gateway::output_text;
use crate::harness::{GatewayProcess, Home, signals};

/// The exit code of a run that differs from its script, breaks off or crosses a threshold.
pub const REPLAY_FAILED: Option<i32> = Some(8);

pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/scripts").join(name)
}

/// A command that runs the binary in the folder of a home.
pub fn tollgate(home: &Home, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(words).current_dir(home.path()).stdin(Stdio::null());
    command
}

/// The command `replay` with its report in `report.json`.
pub fn replay(home: &Home, gateway: &GatewayProcess, words: &[&str]) -> Command {
    let to = format!("ws://{}", gateway.address);
    let mut command = tollgate(home, &["replay", "--to", &to, "--json", "report.json"]);
    command.args(words);
    command
}

pub fn report(home: &Home) -> Value {
    let text = std::fs::read_to_string(home.path().join("report.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The measurements of one MESSAGE_TYPE in a report.
pub fn message<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["messages"].as_array().unwrap();
    all.iter().find(|it| it["message_type"] == name).unwrap_or_else(|| panic!("{report}"))
}

/// Starts a gateway with users that `populate` creates, all of them in one profile.
pub fn populated(users: &str, configuration: &str) -> (Home, GatewayProcess) {
    let home = Home::new(configuration);
    let made = home.command(&["populate", "--users", users, "--profiles", "1"]).output().unwrap();
    assert!(made.status.success(), "{}", output_text(&made));
    let gateway = home.start();
    (home, gateway)
}

/// Writes a script to the folder of a home and returns its name.
pub fn write(home: &Home, name: &str, text: &str) -> String {
    std::fs::write(home.path().join(name), text).unwrap();
    name.to_owned()
}

/// Interrupts a process with SIGINT and waits for its exit.
pub fn interrupt(child: Child) -> Output {
    signals::send(&child, "-INT");
    child.wait_with_output().unwrap()
}
