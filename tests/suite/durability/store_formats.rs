//! Stores of older versions: each opens with everything and is converted to this version.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use tollgate::realm::{Realm, Row};
use tollgate::replication::{CommandLog, LogEvent, open_log};
use tollgate::storage::{RowStore, rebuild_realm};

use crate::harness::{Client, Home, PASSWORD, QUICK, clients, gateway};
/// Packed data folders, at least one for each format that was ever released, each with its number
/// of users. Each was made by the version of its time: a right ORDEN, a user JohnWolf (password
/// FullMoon1) who has it, a profile DESK with both, a user that was deleted again, a wrong login of
/// JohnWolf.
const STORES: &[(&str, &str, usize)] = &[
    ("tests/fixtures/stores/format-1.tar.gz", "tollgate store 1", 2),
    ("tests/fixtures/stores/format-2.tar.gz", "tollgate store 2", 2),
    ("tests/fixtures/stores/format-3.tar.gz", "tollgate store 3", 2),
    ("tests/fixtures/stores/format-4.tar.gz", "tollgate store 4", 2),
    ("tests/fixtures/stores/format-5.tar.gz", "tollgate store 5", 2),
    (ALL_SHAPES[0], "tollgate store 5", 4),
    (ALL_SHAPES[1], CURRENT, 4),
];
/// Stores of the last two formats in which every row and entry that was renamed between them
/// occurs: logins with second factors, links, tokens of programs, resets, mails that wait.
const ALL_SHAPES: [&str; 2] =
    ["tests/fixtures/stores/format-5-all-shapes.tar.gz", "tests/fixtures/stores/format-6.tar.gz"];
/// What this version makes of them.
const CURRENT: &str = "tollgate store 6";

/// Unpacks a data folder into a home.
fn unpack(packed: &str, home: &Home) {
    let packed = format!("{}/{packed}", env!("CARGO_MANIFEST_DIR"));
    let mut unpack = std::process::Command::new("tar");
    gateway::run(unpack.args(["-xzf", &packed, "-C"]).arg(home.path()));
}

#[tokio::test]
async fn old_stores_open_with_everything() {
    for (packed, format, count) in STORES {
        let home = Home::new(QUICK);
        unpack(packed, &home);
        let read = || std::fs::read_to_string(home.data().join("format")).unwrap();
        assert_eq!(read().trim(), *format);
        for time in ["first", "second"] {
            let gateway = home.start();
            let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
            let users = clients::rows(&mut admin, "ALL_USERS").await;
            let john = users.iter().find(|user| user["USER_NAME"] == "JohnWolf").expect("the user");
            assert_eq!(users.len(), *count, "{time}: {users:?}");
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

/// The realm that the rows of a store make, and the one that its log makes, with the variants of
/// the commands in the log.
fn realms(data: &Path) -> (Realm, Realm, BTreeSet<String>) {
    let store = RowStore::open(data, 8, 0).unwrap();
    let log = open_log(&store).unwrap();
    let mut rows = Vec::new();
    store.load(|row| rows.push(row)).unwrap();
    // Relations come after what they relate.
    rows.sort_by_key(Row::key);
    let (mut replayed, mut variants) = (Realm::default(), BTreeSet::new());
    for event in log.follow(0).unwrap() {
        let LogEvent::Entries(first, entries, _) = event else { panic!("{event:?}") };
        for entry in &entries {
            let origin = entry.origin.as_deref();
            let applied = replayed.plan_entry(entry.id, entry.at, &entry.command, origin);
            replayed.apply_changes(&applied.changes);
            let stored = serde_json::to_value(&entry.command).unwrap();
            let variant = stored.as_object().and_then(|it| it.keys().next().cloned());
            variants.extend(variant);
        }
        if first + entries.len() as u64 > store.applied() {
            break;
        }
    }
    log.close();
    (rebuild_realm(rows).unwrap(), replayed, variants)
}

/// The log of a store makes its rows again, also where it has the names of a former version.
#[test]
fn the_log_makes_the_rows_of_every_shape() {
    for packed in ALL_SHAPES {
        let home = Home::new(QUICK);
        unpack(packed, &home);
        let (stored, replayed, variants) = realms(&home.data());
        // Of the entries that were seen, a store keeps those of the newest step.
        let lasting = |realm: &Realm| {
            let rows = realm.rows().filter(|row| !matches!(row, Row::Seen(..)));
            rows.collect::<Vec<_>>()
        };
        assert_eq!(lasting(&replayed), lasting(&stored), "{packed}");
        for variant in [
            "Bootstrap",
            "RecordSessionUse",
            "EndOtherSession",
            "AmendTokenLifetimes",
            "SetPepperCheck",
            "RequestReset",
            "IssueMailSecret",
            "MailSent",
            "RecordRefusals",
            "Login",
            "Refresh",
            "FinishLogin",
            "ChangePassword",
            "SpendOneTime",
            "CreateSecret",
            "ConfirmSecret",
        ] {
            assert!(variants.contains(variant), "{packed} has no {variant}: {variants:?}");
        }
    }
}

/// A store whose rows have one bit flipped, so that some are found by their keys, but not by a
/// walk: 120 profiles were made, each for two users. What the first start makes again is there at
/// the next one, too, however the first one ended.
#[tokio::test]
async fn rows_that_were_made_again_stay() {
    let home = Home::new(QUICK);
    unpack("tests/fixtures/stores/damaged.tar.gz", &home);
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
    unpack(STORES[1].0, &home);
    let shown = home.command(&["audit", "show", "--user", "Gone"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let deleted = shown.lines().next().unwrap_or_default();
    assert!(deleted.contains(" EVENT_DELETE_USER OK admin -> Gone from 127.0.0.1"), "{shown}");
}

/// A store of a version to come is left as it is.
#[test]
fn a_newer_store_is_refused() {
    let home = Home::new(QUICK);
    home.start().signal("-TERM");
    std::fs::write(home.data().join("format"), "tollgate store 99\n").unwrap();
    let refused = home.command(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(5), "{refused:?}");
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(stderr.contains("tollgate store 99"), "{stderr}");
}
