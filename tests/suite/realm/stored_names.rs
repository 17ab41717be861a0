//! Tests of stored commands and rows with former names. Former names are read, never written.

use std::path::Path;

use serde_json::{Value, json};
use tollgate::realm::{Command, Policy, Row};

/// A token hash in hexadecimal.
const HASH: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const SESSION_ID: &str = "00000000-0000-4000-8000-000000000001";

/// Returns commands, each with its former names and with its current names.
fn commands() -> Vec<(Value, Value)> {
    [renamed_variants(), logins(), other_payloads()].concat()
}

fn renamed_variants() -> Vec<(Value, Value)> {
    let actor = json!({ "Session": 3 });
    let new_user = json!({ "name": "admin", "credential": null });
    let bootstrap = json!({ "rights": [], "profile": "A", "administrator": new_user });
    let refusal = json!({
        "event": "E", "host": "h", "user_name": null, "code": "C", "count": 1,
    });
    let sync = json!({
        "user_name": "Ada", "local": false, "create": true, "update": true, "attributes": [],
        "profiles": [], "rights": [], "sync": null,
    });
    vec![
        (json!({ "Found": bootstrap }), json!({ "Bootstrap": bootstrap })),
        (
            json!({ "Touch": [{ "session": 3, "at": 5, "watched": true }] }),
            json!({ "RecordSessionUse": [{ "session": 3, "at": 5, "monitored": true }] }),
        ),
        (json!({ "EndAnother": [actor, 3] }), json!({ "EndOtherSession": [actor, 3] })),
        (
            json!({ "AmendConnectors": [actor, [["Access", 5]]] }),
            json!({ "AmendTokenLifetimes": [actor, [["Access", 5]]] }),
        ),
        (json!({ "SetSaltCheck": "check" }), json!({ "SetPepperCheck": "check" })),
        (
            json!({ "Reseal": [[1, 7, "secret"]] }),
            json!({ "ReencryptSecrets": [[1, 7, "secret"]] }),
        ),
        (
            json!({ "AskReset": { "user_name": "Ada", "url": null } }),
            json!({ "RequestReset": { "user_name": "Ada", "url": null } }),
        ),
        (
            json!({ "Draw": [4, { "Token": HASH }] }),
            json!({ "IssueMailSecret": [4, { "Token": HASH }] }),
        ),
        (json!({ "Posted": [4, "Failed"] }), json!({ "MailSent": [4, "Failed"] })),
        (json!({ "FromDirectory": sync }), json!({ "SyncDirectoryUser": sync })),
        (json!({ "Note": [refusal] }), json!({ "RecordRefusals": [refusal] })),
    ]
}

/// Returns the client of a login, with former and with current names.
fn clients() -> (Value, Value) {
    (
        json!({ "source": "10.0.0.1", "familiar": true }),
        json!({ "network": "10.0.0.1", "familiar": true }),
    )
}

/// Returns the second factor of a login, with former and with current names.
fn factors() -> (Value, Value) {
    let totp = |name: &str| json!({ "Totp": { "checked": 7, "at_secs": 30, name: "secret" } });
    (
        json!({ "given": totp("resealed"), "half": HASH, "active": HASH }),
        json!({ "presented": totp("reencrypted"), "pending_login": HASH, "active_code": HASH }),
    )
}

fn logins() -> Vec<(Value, Value)> {
    let hashes = json!({ "id": SESSION_ID, "token": HASH, "refresh": HASH });
    let ((former_factor, factor), (former_client, client)) = (factors(), clients());
    vec![
        (
            json!({ "Login": {
                "user_name": "Ada", "verdict": "Matched", "checked": 7, "pair": hashes,
                "host": "h", "watched": true, "peer": former_client, "renewed": "hash",
                "connector": true, "second": former_factor,
            }}),
            json!({ "Login": {
                "user_name": "Ada", "verdict": "Matched", "checked": 7, "token_hashes": hashes,
                "host": "h", "monitored": true, "client": client, "rehash": "hash",
                "token_api": true, "second_factor": factor,
            }}),
        ),
        (
            json!({ "Refresh": {
                "presented": HASH, "user_name": null, "pair": hashes, "sealed": [1, 2],
                "host": "h", "peer": former_client, "watched": true, "second": former_factor,
            }}),
            json!({ "Refresh": {
                "presented": HASH, "user_name": null, "token_hashes": hashes,
                "encrypted": [1, 2], "host": "h", "client": client, "monitored": true,
                "second_factor": factor,
            }}),
        ),
        (
            json!({ "FinishLogin": {
                "token": HASH, "user_name": null, "pair": hashes, "host": "h",
                "peer": former_client, "watched": true, "second": former_factor,
            }}),
            json!({ "FinishLogin": {
                "token": HASH, "user_name": null, "token_hashes": hashes, "host": "h",
                "client": client, "monitored": true, "second_factor": factor,
            }}),
        ),
    ]
}

fn other_payloads() -> Vec<(Value, Value)> {
    let (actor, (former_client, client)) = (json!({ "Session": 3 }), clients());
    vec![
        (
            json!({ "ChangePassword": {
                "user_name": "Ada", "verdict": "Wrong", "checked": null, "credential": null,
                "by": actor, "keep": null, "peer": former_client,
            }}),
            json!({ "ChangePassword": {
                "user_name": "Ada", "verdict": "Wrong", "checked": null, "credential": null,
                "actor": actor, "keep": null, "client": client,
            }}),
        ),
        (
            json!({ "SpendOneTime": { "token": HASH, "by": actor } }),
            json!({ "SpendOneTime": { "token": HASH, "actor": actor } }),
        ),
        (
            json!({ "CreateSecret": {
                "by": { "By": actor }, "user_name": null, "sealed": "secret",
            }}),
            json!({ "CreateSecret": {
                "actor": { "Actor": actor }, "user_name": null, "encrypted": "secret",
            }}),
        ),
        (
            json!({ "ConfirmSecret": {
                "by": { "Half": HASH }, "user_name": null, "checked": 7, "at_secs": 30,
                "recovery": [],
            }}),
            json!({ "ConfirmSecret": {
                "actor": { "PendingLogin": HASH }, "user_name": null, "checked": 7,
                "at_secs": 30, "recovery": [],
            }}),
        ),
    ]
}

/// Returns a session with a token pair in its grace period; the arguments are names of fields.
fn session([monitored, fixed_end, factor_verified, pairs, encrypted]: [&str; 5]) -> Value {
    json!({
        "no": 3, "id": SESSION_ID, "user": 1, "host": "h", "token": HASH, "refresh": HASH,
        "opened": 1, "accessed": 2, "refresh_until": 3, monitored: true, fixed_end: 9,
        factor_verified: true,
        pairs: [{ "token": HASH, "refresh": HASH, encrypted: [1, 2], "until": 9 }],
    })
}

/// Returns login attempts; `name` is the name of the field with the networks.
fn attempts(name: &str) -> Value {
    let count = json!({ "wrong": 2, "locked_until": null });
    json!({
        "wrong": 1, "locked_until": null, name: [["10.0.0.1", count]], "failed": 3,
        "rejected": 0, "at": 5,
    })
}

/// Returns rows: the key, the value with former names, and the value with current names.
fn rows() -> Vec<(Vec<u8>, Value, Value)> {
    let key = |kind: u8, rest: &[u8]| [&[kind][..], rest].concat();
    let hash = [0x5a; 32];
    let counters = |name: &str| {
        json!({
            "users": 1, "profiles": 1, "rights": 1, name: 5, "sessions": 1, "active_codes": 1,
            "mails": 1,
        })
    };
    let factor = |name: &str| {
        json!({
            "enabled": true, "pending": { name: "secret", "until": 5, "wrong": 0 },
            "used_secs": 0, "recovery": [], "day": { "no": 0, "wrong": 0 },
        })
    };
    let pending = |name: &str| {
        json!({
            "user": 1, "until": 5, "checked": 7, "wrong": 0, name: true, "codes_until": 0,
            "mailed": 0,
        })
    };
    let reset = |name: &str| json!({ name: 5, "tokens": [HASH], "until": 9, "mail": 4 });
    let mail = |[attempts, issued]: [&str; 2]| {
        json!({
            "no": 4, "user": 1, "kind": "OneTimePassword", "made": 1, "due": 2, attempts: 3,
            issued: true,
        })
    };
    let policy = |name: &str| {
        let mut policy = serde_json::to_value(Policy::default()).unwrap();
        let fields = policy.as_object_mut().unwrap();
        fields.remove("absent_list_clears");
        fields.insert(name.to_owned(), true.into());
        policy
    };
    let former_session = session(["watched", "ends", "second", "previous", "sealed"]);
    let names = ["monitored", "fixed_end", "factor_verified", "grace_pairs", "encrypted"];
    let names_of_mail = ["send_attempts", "secret_issued"];
    vec![
        (key(b'P', &[]), policy("strict_amend"), policy("absent_list_clears")),
        (key(b'C', &[]), counters("founded"), counters("bootstrapped")),
        (key(b's', &3_u64.to_be_bytes()), former_session, session(names)),
        (key(b'a', b"ada"), attempts("by_source"), attempts("by_network")),
        (key(b'f', &1_u32.to_be_bytes()), factor("sealed"), factor("encrypted")),
        (key(b'l', &hash), pending("proved"), pending("factor_verified")),
        (key(b'e', &1_u32.to_be_bytes()), reset("asked"), reset("requested")),
        (key(b'x', &4_u64.to_be_bytes()), mail(["tries", "drawn"]), mail(names_of_mail)),
    ]
}

#[test]
fn commands_are_read_by_their_former_names() {
    for (former, current) in commands() {
        for stored in [&former, &current] {
            let read: Command = serde_json::from_value(stored.clone())
                .unwrap_or_else(|error| panic!("{error}: {stored}"));
            assert_eq!(serde_json::to_value(&read).unwrap(), current);
        }
    }
}

#[test]
fn rows_are_read_by_their_former_names() {
    for (key, former, current) in rows() {
        for stored in [&former, &current] {
            let row = Row::read(&key, stored.to_string().as_bytes())
                .unwrap_or_else(|error| panic!("{error}: {stored}"));
            assert_eq!(row.key().bytes(), key);
            assert_eq!(serde_json::from_slice::<Value>(&row.value()).unwrap(), current);
        }
    }
}

/// The tables above must contain every alias that the realm declares.
#[test]
fn no_former_name_is_left_out() {
    let former: Vec<_> = commands().into_iter().map(|(former, _)| former.to_string()).collect();
    let former_rows = rows().into_iter().map(|(_, former, _)| former.to_string());
    let all = former.into_iter().chain(former_rows).collect::<String>();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/realm")];
    let mut aliases = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("serde(alias = ").skip(1) {
                let alias = part.split(')').next().unwrap();
                assert!(
                    all.contains(&format!("{alias}:")),
                    "the alias {alias} of {} is not tested",
                    path.display()
                );
                aliases += 1;
            }
        }
    }
    assert!(aliases > 40, "only {aliases} aliases were found");
}

/// A row of a session and a row of login attempts each fit into a stored value, even with all
/// fields and as many pairs, networks and digits as possible.
#[test]
fn the_largest_rows_fit_with_their_current_names() {
    let address = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
    let largest = u64::MAX;
    let encrypted = vec![255_u8; 96];
    let pair = json!({
        "token": HASH, "refresh": HASH, "encrypted": encrypted, "until": largest,
    });
    let pairs = vec![pair; 4];
    let session = json!({
        "no": largest, "id": SESSION_ID, "user": u32::MAX, "host": address, "token": HASH,
        "refresh": HASH, "opened": largest, "accessed": largest, "refresh_until": largest,
        "before": { "failed": u32::MAX, "rejected": u32::MAX, "last_login": largest },
        "monitored": true, "fixed_end": largest, "factor_verified": true,
        "dormant": "PasswordChanged", "grace_pairs": pairs,
    });
    let count = json!({ "wrong": u32::MAX, "locked_until": largest });
    let networks = vec![json!([address, count]); 24];
    let attempts = json!({
        "wrong": u32::MAX, "locked_until": largest,
        "by_network": networks,
        "day": { "no": largest, "wrong": u32::MAX }, "failed": u32::MAX, "rejected": u32::MAX,
        "at": largest,
    });
    let session_key = [&[b's'][..], &largest.to_be_bytes()].concat();
    for (key, value) in [(session_key, session), (b"aada".to_vec(), attempts)] {
        let row = Row::read(&key, value.to_string().as_bytes()).unwrap();
        let length = row.value().len();
        assert!(length > 2_500 && length <= Row::VALUE_MAX, "{length} bytes: {row:?}");
        assert!(!row.is_too_long());
    }
}
