//! Tests of places, where a user logged in, and of waiting times elsewhere.

use tollgate::realm::{
    Actor, Applied, Bootstrap, Change, Command, Edition, Key, LockoutScope, Login, LoginClient,
    Outcome, Policy, Realm, Row, UserSpec, Verdict,
};

use crate::harness::realm::{
    MINUTE, Script, found, incorrect, locked, login_command, new_user, user,
};

const DAY: u64 = 86_400_000;

fn script() -> Script {
    let mut script = Script::new(|policy| policy.lock_scope = LockoutScope::UserAndNetwork);
    script.at = 1_000 * DAY;
    script
}

fn attempt_of(script: &mut Script, client: LoginClient, verdict: Verdict) -> Applied {
    let number = script.next;
    let Command::Login(login) = login_command(&script.realm, "Ada", number) else { unreachable!() };
    script.apply(Command::Login(Login { verdict, client, ..login }))
}

/// Attempts a login from a client network.
fn attempt(script: &mut Script, network: &str, verdict: Verdict) -> Outcome {
    let client = LoginClient { network: network.into(), ..LoginClient::default() };
    attempt_of(script, client, verdict).outcome
}

fn is_logged_in(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::LoggedIn(_))
}

/// Sends a hundred wrong passwords, each from another network.
fn guess_a_hundred_times(script: &mut Script) {
    for number in 0..99 {
        let network = format!("198.51.100.{number}");
        assert_eq!(attempt(script, &network, Verdict::Wrong), incorrect());
    }
    let until = script.at + 5 * MINUTE;
    assert_eq!(attempt(script, "198.51.100.99", Verdict::Wrong), locked(until));
}

#[test]
fn after_a_hundred_wrong_passwords_a_user_waits_except_at_places() {
    let mut script = script();
    assert!(is_logged_in(attempt(&mut script, "203.0.113.2", Verdict::Matched)));
    guess_a_hundred_times(&mut script);
    for minutes in [5, 10, 20, 40, 60, 60] {
        let until = script.at + minutes * MINUTE;
        assert_eq!(attempt(&mut script, "203.0.113.1", Verdict::Matched), locked(until));
        let shown = script.realm.attempts_of(&user("Ada")).unwrap().summary();
        assert_eq!(shown.locked_until, Some(until));
        assert!(is_logged_in(attempt(&mut script, "203.0.113.2", Verdict::Matched)));
        script.at = until;
        let network = format!("192.0.2.{minutes}-{}", script.at);
        assert!(matches!(attempt(&mut script, &network, Verdict::Wrong), Outcome::Refused(_)));
    }
    script.wait(60 * MINUTE);
    assert!(is_logged_in(attempt(&mut script, "203.0.113.1", Verdict::Matched)));
}

/// Wrong passwords from one network, as many as its own lock lets through.
#[test]
fn one_network_does_not_lock_a_user_out_for_the_day() {
    let mut script = script();
    assert!(is_logged_in(attempt(&mut script, "203.0.113.2", Verdict::Matched)));
    let midnight = script.at + DAY;
    let mut refused_elsewhere = 0;
    while script.at < midnight {
        attempt(&mut script, "198.51.100.1", Verdict::Wrong);
        assert!(is_logged_in(attempt(&mut script, "203.0.113.2", Verdict::Matched)));
        let elsewhere = login_command(&script.realm, "Ada", 1_000_000);
        let Command::Login(login) = elsewhere else { unreachable!() };
        let client = LoginClient { network: "192.0.2.1".into(), ..LoginClient::default() };
        let planned = script.realm.plan(script.at, &Command::Login(Login { client, ..login }));
        if let Outcome::Refused(tollgate::realm::Refusal::Locked { until: Some(until) }) =
            planned.outcome
        {
            refused_elsewhere += 1;
            assert!(until <= script.at + 60 * MINUTE, "{until}");
        }
        script.wait(MINUTE);
    }
    assert!(refused_elsewhere > 100, "the waiting time was not reached: {refused_elsewhere}");
}

#[test]
fn wrong_passwords_at_a_place_lock_only_the_place() {
    let mut script = script();
    assert!(is_logged_in(attempt(&mut script, "203.0.113.2", Verdict::Matched)));
    for _ in 0..60 {
        for expected in [incorrect(), incorrect(), locked(script.at + 5 * MINUTE)] {
            assert_eq!(attempt(&mut script, "203.0.113.2", Verdict::Wrong), expected);
        }
        assert!(!is_logged_in(attempt(&mut script, "203.0.113.2", Verdict::Matched)));
        script.wait(5 * MINUTE);
    }
    assert!(is_logged_in(attempt(&mut script, "203.0.113.9", Verdict::Matched)));
}

#[test]
fn a_login_writes_its_place_at_most_once_a_day() {
    let mut script = script();
    let writes = |applied: Applied| {
        let is_place = |it: &&Change| matches!(it, Change::Put(Row::Places(..)));
        applied.changes.iter().filter(is_place).count()
    };
    let client = |network: &str| LoginClient { network: network.into(), ..Default::default() };
    for (wait, network, expected) in
        [(0, "a", 1), (1, "a", 0), (DAY - 2, "a", 0), (0, "b", 1), (1, "a", 1), (1, "b", 1)]
    {
        script.wait(wait);
        let applied = attempt_of(&mut script, client(network), Verdict::Matched);
        assert_eq!(writes(applied), expected, "{network} at {}", script.at);
        let applied = attempt_of(&mut script, client(network), Verdict::Wrong);
        assert_eq!(writes(applied), 0);
        assert!(is_logged_in(attempt(&mut script, network, Verdict::Matched)));
    }
}

#[test]
fn places_end_after_thirty_days_and_with_their_user() {
    let mut script = script();
    let is_place = |script: &Script| {
        let ada = script.realm.user_by_name(&user("Ada")).unwrap().no;
        script.realm.is_place(script.at, ada, "here")
    };
    assert!(!is_place(&script));
    assert!(is_logged_in(attempt(&mut script, "here", Verdict::Matched)));
    script.wait(30 * DAY);
    assert!(is_place(&script));
    script.wait(DAY);
    assert!(!is_place(&script));
    let spec = UserSpec { name: Some(user("Ada")), ..Default::default() };
    let applied = script.apply(Command::DeleteUser(Actor::Operator, spec));
    let deleted = |it: &Change| matches!(it, Change::Delete(Key::Places(_)));
    assert!(applied.changes.iter().any(deleted));
    assert!(!script.realm.rows().any(|row| matches!(row, Row::Places(..))));
}

/// Entries of earlier versions are decided as they were decided then.
#[test]
fn the_first_edition_locks_until_midnight_except_for_familiar_clients() {
    let policy = Policy { lock_scope: LockoutScope::UserAndNetwork, ..Policy::default() };
    let mut script = Script { realm: Realm::default(), at: 1_000 * DAY, next: 1 };
    script.apply(Command::SetPolicy(policy.into()));
    let Command::Bootstrap(bootstrap) = found() else { unreachable!() };
    script.apply(Command::Bootstrap(Bootstrap { edition: Edition::First, ..bootstrap }));
    script.apply(Command::AddUsers(vec![new_user("Ada", &[])]));
    assert!(is_logged_in(attempt(&mut script, "203.0.113.1", Verdict::Matched)));
    for number in 0..100 {
        let network = format!("198.51.100.{number}");
        assert_eq!(attempt(&mut script, &network, Verdict::Wrong), incorrect());
    }
    let tomorrow = locked(1_001 * DAY);
    assert_eq!(attempt(&mut script, "203.0.113.1", Verdict::Matched), tomorrow);
    let familiar = LoginClient { network: "203.0.113.2".into(), familiar: true };
    assert!(is_logged_in(attempt_of(&mut script, familiar, Verdict::Matched).outcome));
    script.wait(DAY);
    assert!(is_logged_in(attempt(&mut script, "203.0.113.1", Verdict::Matched)));
    assert!(!script.realm.rows().any(|row| matches!(row, Row::Places(..))));
}
