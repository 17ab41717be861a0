//! Tests of what tools write: files with secrets, and text of others on a terminal.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;

use super::replay::command::{replay, tollgate, write};
use crate::harness::gateway::{output_text, run};
use crate::harness::{Client, Home, PASSWORD, QUICK};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A tool must neither overwrite a file nor write through a link that another user has placed.
#[test]
fn files_with_secrets_are_new_and_private() {
    let home = Home::new(QUICK);
    run(&mut home.command(&["user", "add", "jane"]));
    let path = |name: &str| home.path().join(name);
    let sent = r#"{"MESSAGE_TYPE":"EVENT_HEARTBEAT","SOURCE_REF":1}"#;
    let sent = json!({"type": "send", "time": 1.5, "opcode": 1, "data": sent});
    let har = json!({"log": {"entries": [{"_webSocketMessages": [sent]}]}});
    std::fs::write(path("chat.har"), har.to_string()).unwrap();
    std::fs::write(path("old.kts"), "security {\n    sessionTimeoutMins = 30\n}\n").unwrap();
    let tools = |out: &str| {
        let export = home.command(&["export", out]);
        let record = tollgate(&home, &["record", "--har", "chat.har", "--out", out]);
        let import = tollgate(&home, &["import-preferences", "old.kts", "--out", out]);
        [("export", export), ("record", record), ("import-preferences", import)]
    };
    symlink(path("victim"), path("dangling")).unwrap();
    std::fs::write(path("existing"), "kept").unwrap();
    symlink(path("existing"), path("link")).unwrap();
    for taken in ["dangling", "existing", "link"] {
        for (name, mut tool) in tools(taken) {
            let out = tool.output().unwrap();
            let text = output_text(&out);
            let is_clear = text.to_lowercase().contains("exists") && text.contains(taken);
            assert!(!out.status.success() && is_clear, "{name} to {taken}: {text}");
        }
    }
    assert!(!path("victim").exists(), "a link was followed");
    assert_eq!(std::fs::read_to_string(path("existing")).unwrap(), "kept");
    for (name, mut tool) in tools("new") {
        let out = tool.output().unwrap();
        assert!(out.status.success(), "{name}: {}", output_text(&out));
        assert_eq!(mode(&path("new")), 0o600, "{name}");
        std::fs::remove_file(path("new")).unwrap();
    }
    let left = std::fs::read_dir(home.path()).unwrap().filter_map(Result::ok);
    let left: Vec<_> = left.filter(|it| it.path().to_string_lossy().contains("partial")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The store has password hashes; the folder may have been created with a wider mode.
#[test]
fn a_store_is_private_in_any_folder() {
    let home = Home::new(QUICK);
    std::fs::create_dir(home.data()).unwrap();
    std::fs::set_permissions(home.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    run(&mut home.command(&["user", "add", "jane"]));
    for entry in std::fs::read_dir(home.data()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{} can be read by others", path.display());
    }
}

#[test]
fn a_script_reads_only_files_in_its_folder() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    std::fs::create_dir(home.path().join("scripts")).unwrap();
    write(&home, "secret.csv", "user\nroot\n");
    symlink(home.path().join("secret.csv"), home.path().join("scripts/link.csv")).unwrap();
    write(&home, "scripts/own.csv", "user\nadmin\n");
    for (file, is_read) in [("../secret.csv", false), ("link.csv", false), ("own.csv", true)] {
        let text = format!(
            "* data {file}\n\
             > {{\"MESSAGE_TYPE\": \"EVENT_LOGIN_PREFS\", \"USER_NAME\": \"$user\"}}\n\
             < {{\"MESSAGE_TYPE\": \"EVENT_LOGIN_PREFS_ACK\"}}\n"
        );
        write(&home, "scripts/s.script", &text);
        let out = replay(&home, &gateway, &["scripts/s.script"]).output().unwrap();
        let text = output_text(&out);
        assert_eq!(out.status.success(), is_read, "{file}: {text}");
        assert_eq!(text.contains("not below the folder of the script"), !is_read, "{text}");
    }
}

/// The names of others must not be able to move the cursor or to reverse the text.
#[tokio::test]
async fn hidden_characters_are_escaped_on_a_terminal() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let text = "a\u{202e}b\u{200b}c\u{9b}d";
    let escaped = r"a\u202eb\u200bc\u009bd";
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({
        "MESSAGE_TYPE": "EVENT_INSERT_RIGHT", "SOURCE_REF": text, "REASON": text,
        "DETAILS": { "CODE": "ORDEN" },
    });
    let ack = admin.ask(jane).await;
    assert_eq!(ack["MESSAGE_TYPE"], "EVENT_INSERT_RIGHT_ACK", "{ack}");
    let to = format!("ws://{}", gateway.address);
    let message = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_PREFS", "SOURCE_REF": text }).to_string();
    let sent = tollgate(&home, &["send", "--to", &to, &message]).output().unwrap();
    assert!(output_text(&sent).contains(escaped), "{}", output_text(&sent));
    gateway.signal("-TERM");
    for words in [&["audit", "show"][..], &["audit", "show", "--json"]] {
        let shown = home.command(words).output().unwrap();
        let shown = output_text(&shown);
        assert!(shown.contains(escaped) && !shown.contains('\u{202e}'), "{shown}");
    }
}

#[test]
fn no_cell_of_a_report_is_a_formula() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let script = write(
        &home,
        "s.script",
        "> {\"MESSAGE_TYPE\": \"=cmd|calc\"}\n< {\"MESSAGE_TYPE\": \"MSG_NACK\"}\n",
    );
    let out = replay(&home, &gateway, &["--csv", "report.csv", &script]).output().unwrap();
    let report = std::fs::read_to_string(home.path().join("report.csv"));
    let report = report.unwrap_or_else(|_| panic!("{}", output_text(&out)));
    assert!(report.contains("\n'=cmd|calc,"), "{report}");
}
