//! `replay` and `record` as their users run them.

mod load;
mod recording;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::gateway::{Gateway, Home, PASSWORD, QUICK};

/// Differs from its script, or crosses a limit.
const VERDICT: Option<i32> = Some(8);

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/scripts").join(name)
}

/// A command of the program in a folder.
fn tollgate(home: &Home, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(words).current_dir(home.path()).stdin(Stdio::null());
    command
}

/// `replay` with its report in `report.json`.
fn replay(home: &Home, gateway: &Gateway, words: &[&str]) -> Command {
    let to = format!("ws://{}", gateway.address);
    let mut command = tollgate(home, &["replay", "--to", &to, "--json", "report.json"]);
    command.args(words);
    command
}

fn report(home: &Home) -> Value {
    let text = std::fs::read_to_string(home.path().join("report.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// What was measured of one MESSAGE_TYPE.
fn message<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["messages"].as_array().unwrap();
    all.iter().find(|it| it["message_type"] == name).unwrap_or_else(|| panic!("{report}"))
}

/// A gateway with `populate`d users.
fn populated(users: &str, configuration: &str) -> (Home, Gateway) {
    let home = Home::new(configuration);
    let made = home.command(&["populate", "--users", users, "--profiles", "2"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let gateway = home.start();
    (home, gateway)
}

/// A script of one's own in the home's folder.
fn write(home: &Home, name: &str, text: &str) -> String {
    std::fs::write(home.path().join(name), text).unwrap();
    name.to_owned()
}

#[test]
fn a_script_is_checked_with_its_lines() {
    let home = Home::new(QUICK);
    let wrong = write(&home, "wrong.script", "# one\n> {\"A\": 1}\n* repeat 2\n> {\"B\":\n");
    let done = tollgate(&home, &["replay", "--check", &wrong]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("wrong.script:4: "), "{}", said(&done));
    let lacking = write(&home, "lacking.script", "\n> {\"A\": \"$password\", \"B\": \"u${n}\"}\n");
    let done = tollgate(&home, &["replay", "--check", &lacking]).output().unwrap();
    assert!(done.status.success() && said(&done).contains("lacking.script:2: $password"));
    // Nothing is sent if a value is missing.
    let done = tollgate(&home, &["replay", &lacking, "--to", "ws://127.0.0.1:1"]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("lacking.script:2: $password has no value"), "{}", said(&done));
}

#[test]
fn every_load_script_is_well_formed() {
    let home = Home::new(QUICK);
    let files = std::fs::read_dir(script("load")).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.collect();
    assert!(files.len() >= 4, "{files:?}");
    let done = tollgate(&home, &["replay", "--check"]).args(files).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

#[test]
fn a_difference_names_script_line_and_field() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let text = format!(
        "> {{\"MESSAGE_TYPE\": \"EVENT_LOGIN_AUTH\", \"DETAILS\": {{\"USER_NAME\": \"admin\", \
         \"PASSWORD\": \"{PASSWORD}\"}}}}\n\n\
         < {{\"USER_NAME\": \"admin\", \"PROFILE\": [\"OTHER\"]}}\n"
    );
    let name = write(&home, "login.script", &text);
    let done = replay(&home, &gateway, &["--verify", &name]).output().unwrap();
    assert_eq!(done.status.code(), VERDICT);
    let told = "login.script:3: PROFILE[0]: expected \"OTHER\", came \"USER_ADMIN\"";
    assert!(said(&done).contains(told), "{}", said(&done));
    assert_eq!(report(&home)["verification"]["differences"][0]["field"], "PROFILE[0]");
    // What is declared volatile is not compared.
    let words = ["--verify", "--volatile", "PROFILE", &name];
    let done = replay(&home, &gateway, &words).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
}

/// Ends a process as Ctrl-C does, and waits for it.
fn interrupt(child: Child) -> Output {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    child.wait_with_output().unwrap()
}
