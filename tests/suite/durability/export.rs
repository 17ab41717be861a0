//! Tests of export and import: a store as one file with a checksum.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::harness::{Client, Home, PASSWORD, QUICK};

fn run(home: &Home, words: &[&str]) -> Output {
    home.command(words).output().unwrap()
}

fn output_text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Creates a store with users, a profile, direct rights and an open session. Returns the reply to
/// the login of that session, too.
async fn filled() -> (Home, serde_json::Value) {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let mut event = async |name: &str, details: serde_json::Value| {
        let message = json!({ "MESSAGE_TYPE": name, "SOURCE_REF": 1, "DETAILS": details });
        let answer = admin.ask(message).await;
        assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
    };
    event("EVENT_INSERT_RIGHT", json!({ "CODE": "ORDEN" })).await;
    event("EVENT_INSERT_PROFILE", json!({ "NAME": "TRADER", "RIGHT_CODES": ["ORDEN"] })).await;
    let jane = json!({
        "USER_NAME": "JaneDoe", "PASSWORD": PASSWORD, "FIRST_NAME": "Jane", "CITY": "Zürich",
        "USER_PROFILES": ["TRADER"], "RIGHT_CODES": ["VIEW_USERS"],
    });
    event("EVENT_INSERT_USER", jane).await;
    let login = json!({ "USER_NAME": "JaneDoe", "PASSWORD": PASSWORD });
    let mut jane = Client::connect(gateway.address).await;
    let login = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1, "DETAILS": login });
    let session = jane.ask(login).await;
    assert_eq!(gateway.signal("-TERM").0, Some(0));
    (home, session)
}

fn rows(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().filter(|line| line.starts_with(r#"{"KEY""#)).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_export_restores_the_same_store() {
    let (home, session) = filled().await;
    let (first, second) = (home.path().join("a.jsonl"), home.path().join("b.jsonl"));
    let out = run(&home, &["export", first.to_str().unwrap()]);
    assert!(out.status.success(), "{}", output_text(&out));
    assert_eq!(std::fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        output_text(&out).contains(&format!("{} rows", rows(&first).len())),
        "{}",
        output_text(&out)
    );
    let again = run(&home, &["export", first.to_str().unwrap()]);
    assert!(!again.status.success() && output_text(&again).contains("already exists"));
    let refused = run(&home, &["import", first.to_str().unwrap()]);
    assert!(!refused.status.success() && output_text(&refused).contains("contains a store"));

    std::fs::rename(home.data(), home.path().join("former")).unwrap();
    let out = run(&home, &["import", first.to_str().unwrap(), "--with-sessions"]);
    assert!(out.status.success() && output_text(&out).contains("2 users"), "{}", output_text(&out));
    let out = run(&home, &["export", second.to_str().unwrap()]);
    assert!(out.status.success(), "{}", output_text(&out));
    assert_eq!(rows(&first), rows(&second));

    // Passwords, rights and the open session were imported.
    let gateway = home.start();
    let mut jane = Client::connect(gateway.address).await;
    let token = &session["SESSION_AUTH_TOKEN"];
    let details = json!({
        "MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": 2, "SESSION_AUTH_TOKEN": token,
    });
    let details = jane.ask(details).await;
    assert_eq!(details["PROFILE"], json!(["TRADER"]), "{details}");
    Client::login(gateway.address, "admin", PASSWORD).await;
}

/// Without `--with-sessions`, what was issued before the export is void after the import.
#[tokio::test]
async fn an_import_leaves_out_sessions() {
    let (home, session) = filled().await;
    let file = home.path().join("a.jsonl");
    assert!(run(&home, &["export", file.to_str().unwrap()]).status.success());
    std::fs::rename(home.data(), home.path().join("former")).unwrap();
    assert!(run(&home, &["import", file.to_str().unwrap()]).status.success());
    let gateway = home.start();
    let mut jane = Client::connect(gateway.address).await;
    for (token, code) in
        [("SESSION_AUTH_TOKEN", "SESSION_NOT_FOUND"), ("REFRESH_AUTH_TOKEN", "SESSION_EXPIRED")]
    {
        let mut message = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_DETAILS", "SOURCE_REF": 1 });
        if token == "REFRESH_AUTH_TOKEN" {
            message["MESSAGE_TYPE"] = "EVENT_LOGIN_AUTH".into();
            message["DETAILS"] = json!({ token: session[token] });
        } else {
            message[token] = session[token].clone();
        }
        assert_eq!(jane.ask(message).await["CODE"], code);
    }
    Client::login(gateway.address, "admin", PASSWORD).await;
}

/// An export of version 1, written by an older release from a store with rows of every kind.
const VERSION_1: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/exports/version-1.jsonl");

/// The rows of version 1 have old field names. They are imported, and exported with the current
/// names.
#[tokio::test]
async fn an_export_of_version_1_is_imported() {
    let home = Home::new(&format!("{QUICK}[security.mfa.qr_code]\n"));
    let out = run(&home, &["import", VERSION_1, "--with-sessions"]);
    assert!(out.status.success() && output_text(&out).contains("4 users"), "{}", output_text(&out));
    let file = home.path().join("version-2.jsonl");
    let out = run(&home, &["export", file.to_str().unwrap()]);
    assert!(out.status.success(), "{}", output_text(&out));

    let [former, current] = [Path::new(VERSION_1), &file].map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let mut lines = std::io::Cursor::new(text.as_bytes());
        let realm = tollgate::storage::read(&mut lines).unwrap().realm;
        (text, realm.rows().collect::<Vec<_>>())
    });
    assert_eq!(former.1, current.1);
    assert!(former.0.starts_with(r#"{"FORMAT":"tollgate-export","VERSION":1,"#));
    assert!(current.0.starts_with(r#"{"FORMAT":"tollgate-export","VERSION":2,"#));
    for name in [
        "founded",
        "watched",
        "ends",
        "second",
        "previous",
        "sealed",
        "by_source",
        "proved",
        "asked",
        "tries",
        "drawn",
    ] {
        let name = format!("\"{name}\":");
        assert!(former.0.contains(&name), "version 1 lacks {name}");
        assert!(!current.0.contains(&name), "version 2 still has {name}");
    }
    let gateway = home.start();
    Client::login(gateway.address, "JohnWolf", "FullMoon1").await;
}

#[tokio::test]
async fn an_export_without_credentials_has_no_hash_and_no_token() {
    let (home, _) = filled().await;
    let file = home.path().join("bare.jsonl");
    let out = run(&home, &["export", file.to_str().unwrap(), "--without-credentials"]);
    assert!(out.status.success(), "{}", output_text(&out));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("JaneDoe") && !text.contains("$scrypt") && !text.contains("refresh\":"));
}

#[tokio::test]
async fn a_damaged_export_is_refused_with_its_line_number() {
    let (home, _) = filled().await;
    let file = home.path().join("a.jsonl");
    assert!(run(&home, &["export", file.to_str().unwrap()]).status.success());
    std::fs::rename(home.data(), home.path().join("former")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let without = |at: usize| {
        let kept = lines.iter().enumerate().filter(|(line, _)| *line != at);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let member = lines.iter().position(|line| line.contains(r#"{"KEY":"6d"#)).unwrap();
    let user = lines.iter().position(|line| line.contains("JaneDoe")).unwrap();
    for (damaged, line) in [
        (text.replace("Jane", "Jana"), lines.len()),
        (without(lines.len() - 1), lines.len()),
        (without(member), lines.len() - 1),
        // The line at `member` names the missing user. It moved up by one; lines count from 1.
        (without(user), member - 1 + 1),
        (text.replacen("tollgate-export", "another", 1), 1),
        (format!("{text}more\n"), lines.len() + 1),
        (text[..text.len() / 2].to_owned(), text[..text.len() / 2].lines().count()),
        (String::new(), 1),
    ] {
        std::fs::write(&file, damaged).unwrap();
        let out = run(&home, &["import", file.to_str().unwrap()]);
        let message = output_text(&out);
        assert!(!out.status.success() && message.contains("nothing was imported"), "{message}");
        assert!(message.contains(&format!("line {line}:")), "line {line}: {message}");
        assert!(!home.data().exists(), "{message}");
    }
}
