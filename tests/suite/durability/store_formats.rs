//! Stores of older versions: each opens with everything and is converted to this version.

use serde_json::json;

use crate::harness::{Client, Home, PASSWORD, QUICK, clients, gateway};

/// Packed data folders, one for each format that was ever released. Each was made by the version of
/// its time: a right ORDEN, a user JohnWolf (password FullMoon1) who has it, a profile DESK with
/// both, a user that was deleted again, a wrong login of JohnWolf.
const STORES: &[(&str, &str)] = &[
    ("tests/fixtures/stores/format-1.tar.gz", "tollgate store 1"),
    ("tests/fixtures/stores/format-2.tar.gz", "tollgate store 2"),
    ("tests/fixtures/stores/format-3.tar.gz", "tollgate store 3"),
    ("tests/fixtures/stores/format-4.tar.gz", "tollgate store 4"),
    ("tests/fixtures/stores/format-5.tar.gz", CURRENT),
];
/// What this version makes of them.
const CURRENT: &str = "tollgate store 5";

#[tokio::test]
async fn old_stores_open_with_everything() {
    for (packed, format) in STORES {
        let home = Home::new(QUICK);
        let packed = format!("{}/{packed}", env!("CARGO_MANIFEST_DIR"));
        let mut unpack = std::process::Command::new("tar");
        gateway::run(unpack.args(["-xzf", &packed, "-C"]).arg(home.path()));
        let read = || std::fs::read_to_string(home.data().join("format")).unwrap();
        assert_eq!(read().trim(), *format);
        for time in ["first", "second"] {
            let gateway = home.start();
            let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
            let users = clients::rows(&mut admin, "ALL_USERS").await;
            let john = users.iter().find(|user| user["USER_NAME"] == "JohnWolf").expect("the user");
            assert_eq!(users.len(), 2, "{time}: {users:?}");
            assert_eq!(john["FIRST_NAME"], "John");
            let profiles =
                clients::column(&clients::rows(&mut admin, "ALL_PROFILES").await, "NAME");
            assert!(profiles.contains("DESK"), "{time}: {profiles:?}");
            let rights = clients::rows(&mut admin, "USER_RIGHTS").await;
            let has = |row: &&serde_json::Value| row["USER_NAME"] == "JohnWolf";
            let codes: Vec<_> = rights.iter().filter(has).map(|row| &row["RIGHT_CODE"]).collect();
            assert_eq!(codes, [&json!("ORDEN")], "{time}");
            Client::login(gateway.address, "JohnWolf", "FullMoon1").await;
            gateway.signal("-TERM");
            assert_eq!(read().trim(), CURRENT);
            let verified = home.command(&["audit", "verify"]).output().unwrap();
            assert!(verified.status.success(), "{verified:?}");
        }
    }
}

/// A store whose rows have one bit flipped, so that some are found by their keys, but not by a
/// walk: 120 profiles were made, each for two users. What the first start makes again is there at
/// the next one, too, however the first one ended.
#[tokio::test]
async fn rows_that_were_made_again_stay() {
    let home = Home::new(QUICK);
    let packed = format!("{}/tests/fixtures/stores/damaged.tar.gz", env!("CARGO_MANIFEST_DIR"));
    let mut unpack = std::process::Command::new("tar");
    gateway::run(unpack.args(["-xzf", &packed, "-C"]).arg(home.path()));
    let gateway = home.start();
    Client::login(gateway.address, "admin", PASSWORD).await;
    let (_, log) = gateway.signal("-KILL");
    assert!(log.iter().any(|line| line.contains("the log makes them again")), "{log:#?}");
    let listed = home.command(&["user", "list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.matches("MUTATED_").count(), 235, "{listed}");
}

/// The audit trail began with the second format.
#[test]
fn the_trail_of_an_old_store_is_there() {
    let home = Home::new(QUICK);
    let packed = format!("{}/{}", env!("CARGO_MANIFEST_DIR"), STORES[1].0);
    let mut unpack = std::process::Command::new("tar");
    gateway::run(unpack.args(["-xzf", &packed, "-C"]).arg(home.path()));
    let shown = home.command(&["audit", "show", "--user", "Gone"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let gone = shown.lines().next().unwrap_or_default();
    assert!(gone.contains(" EVENT_DELETE_USER OK admin -> Gone from 127.0.0.1"), "{shown}");
}

/// A store of a version to come is left as it is.
#[test]
fn a_newer_store_is_refused() {
    let home = Home::new(QUICK);
    home.start().signal("-TERM");
    std::fs::write(home.data().join("format"), "tollgate store 99\n").unwrap();
    let refused = home.command(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("tollgate store 99"), "{said}");
}
