//! Tests of the rules of password age, password history, rehashes and locks.

use tollgate::realm::{
    Applied, ChangePassword, Command, EndReason, Fingerprint, LockoutScope, Login, LoginClient,
    Outcome, Refusal, ResetPassword, UserStatus, Verdict,
};

use crate::harness::realm::{Script, incorrect, locked, login_command, user};

const DAY: u64 = 86_400_000;

fn must_change() -> Outcome {
    Outcome::Refused(Refusal::PasswordChangeRequired(UserStatus::PasswordExpired))
}

#[test]
fn a_password_must_be_changed_at_the_maximum_age_and_not_before() {
    let mut script = Script::new(|policy| policy.password_age_ms = Some(30 * DAY));
    let live = script.session("Ada", 1);
    script.wait(30 * DAY - 1);
    assert!(matches!(script.login("Ada", 2), Outcome::LoggedIn(_)));
    let dormant = script.session("Ada", 3);
    script.end(dormant, EndReason::Idle);
    script.wait(1);
    assert_eq!(script.login("Ada", 4), must_change());
    assert_eq!(script.wrong("Ada"), incorrect(), "a wrong password revealed the age");
    // A live session remains and is refreshed; a dormant one is not resumed.
    assert_ne!(script.live("Ada"), 0);
    assert!(matches!(script.refresh(2, 5).outcome, Outcome::Refreshed(_)));
    assert_eq!(script.refresh(3, 6).outcome, must_change());
    // The age counts from the change.
    assert_eq!(script.change("Ada", Verdict::Matched, Some(live)).outcome, Outcome::Done);
    assert!(matches!(script.login("Ada", 7), Outcome::LoggedIn(_)));
}

/// Changes the password. `to` is the hash of the new password.
fn change(script: &mut Script, name: &str, to: &str) -> Applied {
    let known = script.realm.user_by_name(&user(name)).unwrap();
    let change = ChangePassword {
        user_name: known.name.clone(),
        verdict: Verdict::Matched,
        checked: known.credential.as_deref().map(Fingerprint::new),
        credential: Some(to.into()),
        actor: None,
        keep: None,
        client: LoginClient::default(),
        presented: None,
        earlier_factor: None,
    };
    script.apply(Command::ChangePassword(change))
}

fn remembered(script: &Script, name: &str) -> Vec<String> {
    let known = script.realm.user_by_name(&user(name)).unwrap();
    script.realm.remembered_hashes(known).iter().map(ToString::to_string).collect()
}

#[test]
fn the_policy_limits_how_many_passwords_are_remembered() {
    let mut script = Script::new(|policy| policy.history = 3);
    assert_eq!(remembered(&script, "Ada"), ["$first"]);
    for to in ["$b", "$c", "$d"] {
        assert_eq!(change(&mut script, "Ada", to).outcome, Outcome::Done);
    }
    assert_eq!(remembered(&script, "Ada"), ["$d", "$c", "$b"]);
    // After a reset the hash of the former password is still remembered. The hash of a one-time
    // password is forgotten when this password is replaced, because the user did not choose it.
    let reset = |credential: Option<&str>| {
        let credential = credential.map(Into::into);
        let reset = ResetPassword { user_name: user("Ada"), credential, mailed: false };
        Command::ResetPassword(tollgate::realm::Actor::Operator, reset)
    };
    script.apply(reset(Some("$once")));
    assert_eq!(remembered(&script, "Ada"), ["$once", "$d", "$c"]);
    change(&mut script, "Ada", "$e");
    assert_eq!(remembered(&script, "Ada"), ["$e", "$d", "$c"]);
    script.apply(reset(None));
    assert_eq!(remembered(&script, "Ada"), ["$e", "$d"]);
}

#[test]
fn twenty_four_of_the_longest_hashes_fit_into_a_row() {
    let mut script = Script::new(|policy| policy.history = 24);
    for number in 0..40 {
        let to = format!("$foreign-scrypt$ln=14,r=8,p=5${number:0>22}${number:0>43}");
        assert_eq!(change(&mut script, "Ada", &to).outcome, Outcome::Done);
    }
    assert_eq!(remembered(&script, "Ada").len(), 24);
}

#[test]
fn the_default_policy_remembers_no_password() {
    let mut script = Script::new(|_| {});
    change(&mut script, "Ada", "$b");
    assert_eq!(remembered(&script, "Ada"), Vec::<String>::new());
    assert!(!script.realm.rows().any(|row| matches!(row, tollgate::realm::Row::History(..))));
}

#[test]
fn a_rehash_at_login_does_not_change_the_age_of_the_password() {
    let mut script = Script::new(|_| {});
    let before = script.realm.user_by_name(&user("Ada")).unwrap().credential_at;
    script.wait(DAY);
    let Command::Login(login) = login_command(&script.realm, "Ada", 1) else { unreachable!() };
    let renewed = Login { rehash: Some("$renewed".into()), ..login.clone() };
    assert!(matches!(script.outcome(Command::Login(renewed)), Outcome::LoggedIn(_)));
    let ada = script.realm.user_by_name(&user("Ada")).unwrap();
    assert_eq!((ada.credential.as_deref(), ada.credential_at), (Some("$renewed"), before));
    // Another login that was checked against the old hash must be checked again.
    assert_eq!(script.outcome(Command::Login(login)), Outcome::Refused(Refusal::StaleCredential));
}

/// Attempts a login from a client network.
fn attempt(script: &mut Script, network: &str, verdict: Verdict) -> Outcome {
    let Command::Login(login) = login_command(&script.realm, "Ada", 7) else { unreachable!() };
    let client = LoginClient { network: network.into(), ..LoginClient::default() };
    script.outcome(Command::Login(Login { verdict, client, ..login }))
}

#[test]
fn wrong_passwords_from_one_network_do_not_lock_another() {
    let mut script = Script::new(|policy| policy.lock_scope = LockoutScope::UserAndNetwork);
    let until = script.at + 5 * 60_000;
    for expected in [incorrect(), incorrect(), locked(until), locked(until)] {
        assert_eq!(attempt(&mut script, "127.0.0.2", Verdict::Wrong), expected);
    }
    assert_eq!(attempt(&mut script, "127.0.0.2", Verdict::Matched), locked(until));
    assert!(matches!(attempt(&mut script, "127.0.0.3", Verdict::Matched), Outcome::LoggedIn(_)));
    // The user's login from another network does not unlock the network of the attacker.
    assert_eq!(attempt(&mut script, "127.0.0.2", Verdict::Matched), locked(until));
    script.wait(5 * 60_000);
    assert_eq!(attempt(&mut script, "127.0.0.2", Verdict::Wrong), incorrect());
}
