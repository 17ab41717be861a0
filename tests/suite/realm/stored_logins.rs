//! Logins, sessions and pending logins in the formats of earlier versions.

use serde_json::{Value, json};
use tollgate::realm::{
    AccountChecks, AuthenticatedBy, Command, Login, PendingLogin, Session, SessionKind,
};

const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const ID: &str = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";

/// Returns a login as the command log stores it. `more` has the flags that are true; flags that are
/// false are not stored.
fn login(more: Value) -> Value {
    let mut login = json!({
        "user_name": "Ada", "verdict": "Matched", "checked": 7,
        "token_hashes": { "id": ID, "token": HASH, "refresh": HASH },
        "host": "203.0.113.7", "monitored": true,
        "client": { "network": "203.0.113.7" }, "second_factor": {},
    });
    login.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "Login": login })
}

fn read(stored: Value) -> Login {
    match serde_json::from_value(stored).unwrap() {
        Command::Login(login) => login,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_flags_of_a_stored_login_are_read_as_enums_and_written_as_they_were() {
    use AccountChecks::{Bypassed, Enforced};
    use AuthenticatedBy::{Directory, Password};
    use SessionKind::{Interactive, Token};
    let stored = [
        (json!({}), Interactive, Password),
        (json!({ "token_api": true }), Token, Password),
        (json!({ "directory": true }), Interactive, Directory { checks: Enforced }),
        (json!({ "directory": true, "bypass": true }), Interactive, Directory { checks: Bypassed }),
    ];
    for (more, kind, authenticated_by) in stored {
        let stored = login(more);
        let read = read(stored.clone());
        assert_eq!(
            (read.session_kind, read.authenticated_by),
            (kind, authenticated_by),
            "{stored}"
        );
        assert_eq!(serde_json::to_value(Command::Login(read)).unwrap(), stored);
    }
}

#[test]
fn a_login_of_the_first_format_is_read() {
    let stored = json!({ "Login": {
        "user_name": "Ada", "verdict": "Matched", "checked": 7,
        "pair": { "id": ID, "token": HASH, "refresh": HASH },
        "host": "203.0.113.7", "watched": true, "peer": { "source": "203.0.113.7" },
        "connector": true, "second": { "half": HASH }, "directory": true, "bypass": true,
    } });
    let login = read(stored);
    assert_eq!((login.session_kind, login.monitored), (SessionKind::Token, true));
    let bypassed = AuthenticatedBy::Directory { checks: AccountChecks::Bypassed };
    assert_eq!(login.authenticated_by, bypassed);
    assert!(login.second_factor.pending_login.is_some());
    // No version wrote the flag `bypass` without `directory`: alone it must have no effect.
    let alone = read(self::login(json!({ "bypass": true })));
    assert_eq!(alone.authenticated_by.account_checks(), AccountChecks::Enforced);
}

#[test]
fn the_flags_of_stored_rows_are_read_as_enums_and_written_as_they_were() {
    for (bypass, checks) in [(false, AccountChecks::Enforced), (true, AccountChecks::Bypassed)] {
        let mut stored = json!({ "user": 3, "until": 9, "checked": null, "wrong": 1,
            "factor_verified": false, "codes_until": 0, "mailed": 0 });
        if bypass {
            stored["bypass"] = json!(true);
        }
        let pending: PendingLogin = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(pending.checks, checks);
        assert_eq!(serde_json::to_value(pending).unwrap(), stored);
    }
    // The former field names of these sessions are never written, so only reading is tested.
    for (fixed_end, kind) in [(None, SessionKind::Interactive), (Some(9), SessionKind::Token)] {
        let mut stored = json!({ "no": 1, "id": ID, "user": 3, "host": "", "token": HASH,
            "refresh": HASH, "opened": 1, "accessed": 1, "refresh_until": 9, "watched": true });
        if let Some(fixed_end) = fixed_end {
            stored["ends"] = json!(fixed_end);
        }
        let session: Session = serde_json::from_value(stored).unwrap();
        assert_eq!((session.kind(), session.monitored), (kind, true));
    }
}
