//! Tests of stores of older versions: each is converted completely.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use tollgate::realm::{Realm, Row};
use tollgate::replication::{CommandLog, LogEvent, open_log};
use tollgate::storage::{RowStore, export, rebuild_realm};

use crate::harness::{Client, Home, PASSWORD, QUICK, clients, gateway};

/// Packed data folders, their formats and numbers of users. Each released format has at least one
/// folder. Each folder was created by the version with that format, and contains a right ORDEN and
/// a user JohnWolf (password FullMoon1) with this right. A profile DESK has both. Another user was
/// deleted, and a login of JohnWolf failed.
const STORES: &[(&str, &str, usize)] = &[
    ("tests/fixtures/stores/format-1.tar.gz", "tollgate store 1", 2),
    ("tests/fixtures/stores/format-2.tar.gz", "tollgate store 2", 2),
    ("tests/fixtures/stores/format-3.tar.gz", "tollgate store 3", 2),
    ("tests/fixtures/stores/format-4.tar.gz", "tollgate store 4", 2),
    ("tests/fixtures/stores/format-5.tar.gz", "tollgate store 5", 2),
    (ALL_SHAPES[0], "tollgate store 5", 4),
    (ALL_SHAPES[1], "tollgate store 6", 4),
];
/// Stores of the last two formats. They contain every kind of row and entry whose names differ
/// between the two formats: logins with second factors, links, access tokens, resets, queued mails.
const ALL_SHAPES: [&str; 2] =
    ["tests/fixtures/stores/format-5-all-shapes.tar.gz", "tests/fixtures/stores/format-6.tar.gz"];
/// The format of this version.
const CURRENT: &str = "tollgate store 7";

/// Unpacks a data folder into a home.
fn unpack(packed: &str, home: &Home) {
    let packed = format!("{}/{packed}", env!("CARGO_MANIFEST_DIR"));
    let mut unpack = std::process::Command::new("tar");
    gateway::run(unpack.args(["-xzf", &packed, "-C"]).arg(home.path()));
}

#[tokio::test]
async fn old_stores_are_converted_completely() {
    for (packed, format, count) in STORES {
        let home = Home::new(QUICK);
        unpack(packed, &home);
        let read = || std::fs::read_to_string(home.data().join("format")).unwrap();
        assert_eq!(read().trim(), *format);
        for time in ["first", "second"] {
            let gateway = home.start();
            let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
            let users = clients::rows(&mut admin, "ALL_USERS").await;
            let john = users
                .iter()
                .find(|user| user["USER_NAME"] == "JohnWolf")
                .expect("the user JohnWolf is missing");
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

/// The realm built from the rows of a store, the realm built from its log, and the variants of the
/// commands in the log.
fn realms(data: &Path) -> (Realm, Realm, BTreeSet<String>) {
    let store = RowStore::open(data, 8, 0).unwrap();
    let log = open_log(&store).unwrap();
    let mut rows = Vec::new();
    store.load(|row| rows.push(row)).unwrap();
    // Relations must follow the records that they relate.
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

/// The log of the older store has former names.
#[test]
fn replaying_the_log_gives_the_stored_rows() {
    for packed in ALL_SHAPES {
        let home = Home::new(QUICK);
        unpack(packed, &home);
        let (stored, replayed, variants) = realms(&home.data());
        // The ids of applied entries are excluded: a store keeps only the newest of them.
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

#[test]
fn an_export_without_credentials_has_no_session_link_or_code() {
    let home = Home::new(QUICK);
    unpack(ALL_SHAPES[1], &home);
    let (stored, ..) = realms(&home.data());
    let is_secret = |row: &Row| {
        matches!(row, Row::Session(_) | Row::RotatedToken(..) | Row::PendingLogin(..))
            || matches!(row, Row::OneTime(..) | Row::SelfReset(..) | Row::ActiveCode(_))
            || matches!(row, Row::Mail(_) | Row::History(..) | Row::Attempts(..) | Row::Places(..))
            || matches!(row, Row::User(user) if user.credential.is_some())
    };
    let exported = |credentials: bool| {
        let mut out = Vec::new();
        export::write(&stored, 0, credentials, &mut out).unwrap();
        export::read(&mut out.as_slice()).unwrap()
    };
    assert!(exported(true).realm.rows().filter(is_secret).count() > 5);
    assert_eq!(exported(false).realm.rows().find(is_secret), None);
}

/// A store with one flipped bit, so that some rows are found by key but not by a scan. It has 120
/// profiles: 115 with two users and 5 with one. Rows that the first start rebuilds must exist at
/// the next start, too, although the first gateway was killed.
#[tokio::test]
async fn rebuilt_rows_survive_a_restart() {
    let home = Home::new(QUICK);
    unpack("tests/fixtures/stores/damaged.tar.gz", &home);
    let gateway = home.start();
    Client::login(gateway.address, "admin", PASSWORD).await;
    let (_, log) = gateway.signal("-KILL");
    assert!(
        log.iter().any(|line| line.contains("it is being rebuilt from the command log")),
        "{log:#?}"
    );
    let listed = home.command(&["user", "list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.matches("MUTATED_").count(), 235, "{listed}");
}

/// The second format introduced the audit trail.
#[test]
fn the_audit_trail_of_an_old_store_is_kept() {
    let home = Home::new(QUICK);
    unpack(STORES[1].0, &home);
    let shown = home.command(&["audit", "show", "--user", "Gone"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let deleted = shown.lines().next().unwrap_or_default();
    assert!(deleted.contains(" EVENT_DELETE_USER OK admin -> Gone from 127.0.0.1"), "{shown}");
}

/// The refusal has an exit code of its own and names the format.
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
