//! Tests of the published schemas: up to date, served as committed, valid.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tollgate::messages::schema::{asyncapi, openapi};

use crate::harness::{Home, PASSWORD, QUICK};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/schemas").join(name)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_committed_schemas_match_the_handlers() {
    let report = schemars::schema_for!(tollgate::replay::Report).to_value();
    for (name, document) in
        [("openapi", openapi::document()), ("asyncapi", asyncapi::document()), ("report", report)]
    {
        let file = committed(&format!("{name}.json"));
        let stale = "is stale; run: cargo run -- schema";
        assert!(
            read(&file) == document,
            "protocol/schemas/{name}.json {stale} {name} > protocol/schemas/{name}.json"
        );
    }
}

/// The test runs the program, which assembles the reference from several modules.
#[test]
fn the_committed_reference_matches_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["schema", "reference", "--scripts", "protocol/scripts"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let committed = std::fs::read_to_string(root.join("protocol/docs/reference.md")).unwrap();
    assert!(
        committed.as_bytes() == out.stdout,
        "protocol/docs/reference.md is stale; run: cargo run -- schema reference \
         --scripts protocol/scripts > protocol/docs/reference.md"
    );
}

#[test]
fn the_gateway_serves_the_committed_schemas() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    for name in ["openapi.json", "asyncapi.json"] {
        let url = format!("http://{}/{name}", gateway.address);
        let out = Command::new("curl").args(["-sf", "--max-time", "20", &url]).output().unwrap();
        let served: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert!(served == read(&committed(name)), "{name} differs from protocol/schemas");
    }
}

/// `tests/run` installs the validators in `target/validators`.
#[test]
fn public_validators_accept_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("target/validators");
    let out = Command::new(tools.join("bin/python"))
        .arg(root.join("tests/fixtures/documents/validate.py"))
        .args([committed("openapi.json"), committed("asyncapi.json")])
        .arg(tools.join("node_modules/@asyncapi/specs/schemas/3.0.0.json"))
        .output()
        .expect("the validators cannot be run: tests/run installs them");
    let output = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{output}");
    assert_eq!(out.stdout, b"valid\n");
}

/// Schemathesis generates requests from the served document.
#[test]
fn no_generated_request_causes_an_internal_error() {
    let limits = "[server.limits]\nmessages_per_sec_per_connection = 1000000";
    let home = Home::new(&QUICK.replacen("[server.limits]", limits, 1));
    let gateway = home.start();
    let at = format!("http://{}", gateway.address);
    let login = Command::new("curl")
        .args(["-sf", "--max-time", "20", "-H", "SOURCE_REF: 1", "-d"])
        .arg(format!(r#"{{"DETAILS":{{"USER_NAME":"admin","PASSWORD":"{PASSWORD}"}}}}"#))
        .args(["-H", "Content-Type: application/json", &format!("{at}/event-login-auth")])
        .output()
        .unwrap();
    let login: Value = serde_json::from_slice(&login.stdout).unwrap();
    let token = login["SESSION_AUTH_TOKEN"].as_str().unwrap();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/validators");
    let out = Command::new(tools.join("bin/st"))
        .args(["run", &format!("{at}/openapi.json"), "--url", &at, "--phases", "fuzzing"])
        .args([
            "--checks",
            "not_a_server_error",
            "--seed",
            "7",
            "--max-examples",
            "20",
            "--max-time",
            "60",
        ])
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .current_dir(home.path())
        .output()
        .expect("the validators cannot be run: tests/run installs them");
    let output = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{output}");
    let paths = openapi::document()["paths"].as_object().unwrap().clone();
    let operations: usize = paths.values().map(|it| it.as_object().unwrap().len()).sum();
    assert!(output.contains(&format!("Tested: {operations}\n")), "{output}");
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0));
    assert!(!log.iter().any(|line| line.contains("failed with an internal error")));
}
