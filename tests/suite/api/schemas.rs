//! Published schemas: current, served as committed, and valid by public validators.

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
fn the_committed_documents_are_those_of_the_table() {
    let report = schemars::schema_for!(tollgate::replay::Report).to_value();
    for (name, document) in
        [("openapi", openapi::document()), ("asyncapi", asyncapi::document()), ("report", report)]
    {
        let file = committed(&format!("{name}.json"));
        let fresh = "is stale: cargo run -- schema";
        assert!(
            read(&file) == document,
            "protocol/schemas/{name}.json {fresh} {name} > protocol/schemas/{name}.json"
        );
    }
}

#[test]
fn the_gateway_serves_them() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    for name in ["openapi.json", "asyncapi.json"] {
        let url = format!("http://{}/{name}", gateway.address);
        let out = Command::new("curl").args(["-sf", "--max-time", "20", &url]).output().unwrap();
        let served: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert!(served == read(&committed(name)), "{name}");
    }
}

/// `tests/run` installs the validators below `target/`.
#[test]
fn public_validators_find_nothing_wrong() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join("target/validators");
    let out = Command::new(tools.join("bin/python"))
        .arg(root.join("tests/fixtures/documents/validate.py"))
        .args([committed("openapi.json"), committed("asyncapi.json")])
        .arg(tools.join("node_modules/@asyncapi/specs/schemas/3.0.0.json"))
        .output()
        .expect("tests/run installs the validators");
    let output = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{output}");
    assert_eq!(out.stdout, b"valid\n");
}

/// Schemathesis draws requests from the served document: none may be a fault of the gateway.
#[test]
fn no_generated_request_is_a_fault_of_the_gateway() {
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
        .expect("tests/run installs the validators");
    let output = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{output}");
    let paths = openapi::document()["paths"].as_object().unwrap().clone();
    let operations: usize = paths.values().map(|it| it.as_object().unwrap().len()).sum();
    assert!(output.contains(&format!("Tested: {operations}\n")), "{output}");
    let (code, log) = gateway.signal("-TERM");
    assert_eq!(code, Some(0));
    assert!(!log.iter().any(|line| line.contains("fault of the gateway")));
}
