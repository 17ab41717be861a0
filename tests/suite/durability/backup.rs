//! Tests of backups of a running gateway: complete under load, private, restorable.
#![expect(clippy::disallowed_methods, reason = "these tests measure the time of another process")]

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::harness::gateway::{self, unlimited};
use crate::harness::writers::{Acknowledged, WRITERS, Writers};
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, clients};

/// Runs `tollgate backup FILE --login USER` with a password on standard input.
fn backup(
    home: &Home,
    gateway: &GatewayProcess,
    file: &Path,
    user: &str,
    password: &str,
) -> Output {
    let to = format!("ws://{}", gateway.address);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.arg("backup").arg(file).args(["--to", &to, "--login", user]);
    command.current_dir(home.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that fails at once does not read the password.
    let _ = writeln!(child.stdin.take().unwrap(), "{password}");
    child.wait_with_output().unwrap()
}

/// Restores a backup to a new home.
fn restored(file: &Path) -> Home {
    let home = Home::new(QUICK);
    gateway::run(&mut home.command(&["import", file.to_str().unwrap()]));
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_during_writes_is_complete() {
    let home = Home::new(&unlimited());
    gateway::populate(&home, 3_000, 20);
    let mut acknowledged = Acknowledged::default();
    let gateway = home.start();
    let writers = Writers::start(gateway.address, 0).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    gateway.signal("-KILL");
    acknowledged.absorb(writers.end().await);

    let gateway = home.start();
    acknowledged.check(gateway.address).await;
    let writers = Writers::start(gateway.address, 1).await;
    let files = ["one", "two", "three"].map(|name| home.path().join(name));
    for file in &files {
        let made = backup(&home, &gateway, file, "admin", PASSWORD);
        assert!(made.status.success(), "{made:?}");
    }
    gateway.signal("-KILL");
    let written = writers.end().await;
    assert!(written.promised() > WRITERS, "too few changes were acknowledged during the backups");
    acknowledged.expect_part(written);
    for file in &files {
        let home = restored(file);
        acknowledged.clone().check(home.start().address).await;
    }
}

#[tokio::test]
async fn the_restore_drill() {
    let home = Home::new(QUICK);
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": "Jane-Password-1", "LAST_NAME": "Doe" });
    let insert = json!({ "MESSAGE_TYPE": "EVENT_INSERT_USER", "SOURCE_REF": 1, "DETAILS": jane });
    assert_eq!(admin.ask(insert).await["MESSAGE_TYPE"], "EVENT_INSERT_USER_ACK");

    let file = home.path().join("tollgate.backup");
    let reasoned = json!({ "MESSAGE_TYPE": "EVENT_BACKUP", "SOURCE_REF": 2, "REASON": "a drill" });
    assert_eq!(admin.ask(reasoned).await["MESSAGE_TYPE"], "EVENT_BACKUP_ACK");
    let rows = clients::rows(&mut admin, "AUDIT_EVENTS").await;
    assert_eq!(
        (&rows[0]["EVENT"], &rows[0]["REASON"]),
        (&json!("EVENT_BACKUP"), &json!("a drill"))
    );
    admin.ask(json!({ "MESSAGE_TYPE": "DATA_LOGOFF", "SOURCE_REF": "AUDIT_EVENTS" })).await;
    let refused = backup(&home, &gateway, &file, "jane", "Jane-Password-1");
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && stderr.contains("NOT_AUTHORISED"), "{stderr}");
    let refused = backup(&home, &gateway, &file, "admin", "wrong");
    assert!(!refused.status.success() && !file.exists(), "{refused:?}");

    let made = backup(&home, &gateway, &file, "admin", PASSWORD);
    let stdout = String::from_utf8(made.stdout).unwrap();
    assert!(
        made.status.success() && stdout.contains(" rows, 2 users, as of log entry "),
        "{stdout}"
    );
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read(&file).unwrap();
    let again = backup(&home, &gateway, &file, "admin", PASSWORD);
    assert!(!again.status.success(), "an existing file was overwritten");
    assert_eq!(std::fs::read(&file).unwrap(), kept);

    let rows = clients::rows(&mut admin, "AUDIT_EVENTS").await;
    let taken = rows.iter().filter(|row| row["EVENT"] == "EVENT_BACKUP" && row["CODE"] == "OK");
    assert_eq!(taken.map(|row| &row["USER_NAME"]).collect::<Vec<_>>(), ["admin"; 2]);

    let sessions = clients::rows(&mut admin, "ACTIVE_SESSIONS").await;
    let admins = sessions.iter().filter(|session| session["USER_NAME"] == "admin");
    assert_eq!(admins.count(), 1, "a backup left a session behind: {sessions:?}");

    let second = restored(&file);
    let gateway = second.start();
    Client::login(gateway.address, "jane", "Jane-Password-1").await;
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let users = clients::rows(&mut admin, "ALL_USERS").await;
    let jane = users.iter().find(|user| user["USER_NAME"] == "jane").unwrap();
    assert_eq!(jane["LAST_NAME"], "Doe");
}

/// A backup has the same rows as an export of the store. `tollgate backup` waits if the message
/// rate of its connection is exceeded.
#[tokio::test]
async fn a_backup_and_an_export_are_the_same() {
    let slow = "[server.limits]\nmessages_per_sec_per_connection = 4";
    let home = Home::new(&QUICK.replacen("[server.limits]", slow, 1));
    gateway::populate(&home, 1_000, 10);
    let gateway = home.start();
    let (taken, written) = (home.path().join("backup"), home.path().join("export"));
    let began = std::time::Instant::now();
    let made = backup(&home, &gateway, &taken, "admin", PASSWORD);
    assert!(made.status.success(), "{made:?}");
    assert!(
        began.elapsed() > Duration::from_secs(1),
        "the backup never waited for the message rate"
    );
    gateway.signal("-TERM");
    gateway::run(&mut home.command(&["export", written.to_str().unwrap()]));
    let rows = |file: &Path| -> Vec<String> {
        let text = std::fs::read_to_string(file).unwrap();
        // Sessions are excluded, because their last use is saved later. Their keys begin with `s`,
        // 73 in hexadecimal. Header and footer have no KEY and are excluded, too: they differ.
        let is_lasting = |line: &&str| !line.contains(r#""KEY":"73"#) && line.contains(r#""KEY""#);
        text.lines().filter(is_lasting).map(str::to_owned).collect()
    };
    assert!(rows(&taken).len() > 2_000);
    assert_eq!(rows(&taken), rows(&written));
}
