//! The published documents: committed as the table makes them, served as committed, and valid by
//! public validators.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tollgate::documents::{asyncapi, openapi};

use crate::gateway::{Home, QUICK};

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol").join(name)
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_committed_documents_are_those_of_the_table() {
    for (name, document) in [("openapi", openapi::document()), ("asyncapi", asyncapi::document())] {
        let file = committed(&format!("{name}.json"));
        let fresh = "is stale: cargo run -- schema";
        assert!(
            read(&file) == document,
            "protocol/{name}.json {fresh} {name} > protocol/{name}.json"
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
        .arg(root.join("tests/documents/validate.py"))
        .args([committed("openapi.json"), committed("asyncapi.json")])
        .arg(tools.join("node_modules/@asyncapi/specs/schemas/3.0.0.json"))
        .output()
        .expect("tests/run installs the validators");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    assert_eq!(out.stdout, b"valid\n");
}
