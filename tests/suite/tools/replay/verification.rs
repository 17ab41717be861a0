//! Tests of `replay --check` and `--verify`: errors with script, line and field.

use super::command::{REPLAY_FAILED, replay, report, script, tollgate, write};
use crate::harness::gateway::output_text;
use crate::harness::{Home, PASSWORD, QUICK};

#[test]
fn an_error_in_a_script_names_its_line() {
    let home = Home::new(QUICK);
    let wrong = write(&home, "wrong.script", "# one\n> {\"A\": 1}\n* repeat 2\n> {\"B\":\n");
    let done = tollgate(&home, &["replay", "--check", &wrong]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(output_text(&done).contains("wrong.script:4: "), "{}", output_text(&done));
    let missing = write(&home, "missing.script", "\n> {\"A\": \"$password\", \"B\": \"u${n}\"}\n");
    let done = tollgate(&home, &["replay", "--check", &missing]).output().unwrap();
    assert!(done.status.success() && output_text(&done).contains("missing.script:2: $password"));
    // Nothing is sent if a value is missing.
    let done = tollgate(&home, &["replay", &missing, "--to", "ws://127.0.0.1:1"]).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(
        output_text(&done).contains("missing.script:2: $password has no value"),
        "{}",
        output_text(&done)
    );
}

#[test]
fn every_load_script_is_well_formed() {
    let home = Home::new(QUICK);
    let files = std::fs::read_dir(script("load")).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.collect();
    assert!(files.len() >= 4, "{files:?}");
    let done = tollgate(&home, &["replay", "--check"]).args(files).output().unwrap();
    assert!(done.status.success(), "{}", output_text(&done));
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
    assert_eq!(done.status.code(), REPLAY_FAILED);
    let expected = "login.script:3: PROFILE[0]: expected \"OTHER\", received \"USER_ADMIN\"";
    assert!(output_text(&done).contains(expected), "{}", output_text(&done));
    assert_eq!(report(&home)["verification"]["differences"][0]["field"], "PROFILE[0]");
    // Volatile fields are not compared.
    let words = ["--verify", "--volatile", "PROFILE", &name];
    let done = replay(&home, &gateway, &words).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", output_text(&done));
}
