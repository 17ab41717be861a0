//! Tests of the rules of logins, sessions, rights, profiles and repeated log entries.

use protocol::UserName;
use tollgate::realm::{
    ADMINISTRATION, Actor, Applied, Change, Command, EndReason, Fingerprint, Key, Login,
    LoginClient, Outcome, Refresh, Refusal, RightSpec, Row, SecondFactorInput, SessionNo,
    SessionUse, SetCredential, Verdict, WhenFull,
};

use crate::harness::realm::{
    MINUTE, Script, code, expired, found, hash, incorrect, locked, login_command, named, new_user,
    pair, profile_wanted, right_wanted, user,
};
#[test]
fn the_attempt_that_reaches_the_limit_is_refused_as_locked() {
    let mut it = Script::new(|policy| policy.lock_ms = 5 * MINUTE);
    assert_eq!(it.wrong("Ada"), incorrect());
    assert_eq!(it.wrong("ADA"), incorrect(), "another spelling was not counted as the same name");
    let until = it.at + 5 * MINUTE;
    assert_eq!(it.wrong("Ada"), locked(until));
    it.wait(5 * MINUTE - 1);
    assert_eq!(it.login("Ada", 1), locked(until), "the correct password ended the lock");
    assert_eq!(it.wrong("Ada"), locked(until), "a wrong password extended the lock");
    it.wait(1);
    assert!(matches!(it.login("Ada", 1), Outcome::LoggedIn(no)
        if it.realm.session(no).unwrap().before.failed == 3));
    assert_eq!(it.wrong("Ada"), incorrect(), "a successful login did not clear the count");
}

#[test]
fn after_a_lock_counting_starts_at_zero() {
    let mut it = Script::new(|policy| policy.lock_ms = MINUTE);
    (0..3).for_each(|_| drop(it.wrong("Ada")));
    it.wait(MINUTE);
    assert_eq!(it.wrong("Ada"), incorrect());
    assert_eq!(it.wrong("Ada"), incorrect());
    let until = it.at + MINUTE;
    assert_eq!(it.wrong("Ada"), locked(until));
}

#[test]
fn a_lock_affects_neither_live_sessions_nor_their_refresh() {
    let mut it = Script::new(|_| {});
    it.session("Ada", 1);
    (0..3).for_each(|_| drop(it.wrong("Ada")));
    assert!(it.speaks(1));
    assert!(matches!(it.refresh(1, 2).outcome, Outcome::Refreshed(_)));
}

#[test]
fn the_session_limit_is_exact() {
    let mut it = Script::new(|policy| policy.sessions_max = Some(2));
    it.session("Ada", 1);
    let second = it.session("Ada", 2);
    let Outcome::Refused(Refusal::SessionLimit(shown)) = it.login("Ada", 3) else { panic!() };
    assert_eq!(shown.iter().map(|it| it.id).collect::<Vec<_>>(), [pair(1).id, pair(2).id]);
    it.session("Bob", 4);
    it.end(second, EndReason::Logout);
    it.session("Ada", 5);
    assert_eq!(it.live("Ada"), 2);
    it.wait(33 * MINUTE);
    it.session("Ada", 6);
    assert_eq!(it.live("Ada"), 1, "sessions that timed out were counted before the sweep");
}

#[test]
fn at_the_limit_the_oldest_session_is_evicted() {
    let mut it = Script::new(|policy| {
        (policy.sessions_max, policy.when_full) = (Some(2), WhenFull::EvictOldest);
    });
    let oldest = it.session("Ada", 1);
    it.wait(1);
    it.session("Ada", 2);
    it.wait(1);
    let login = login_command(&it.realm, "Ada", 3);
    let applied = it.apply(login);
    assert_eq!(applied.ended.len(), 1);
    assert_eq!((applied.ended[0].session, applied.ended[0].reason), (oldest, EndReason::Evicted));
    assert!(!it.speaks(1) && it.speaks(2) && it.speaks(3));
    assert_eq!(it.refresh(1, 4).outcome, expired(), "the evicted session was refreshed");
}

#[test]
fn a_rotated_token_gets_the_same_pair_in_its_grace_period() {
    let mut it = Script::new(|_| {});
    let session = it.session("Ada", 1);
    assert_eq!(it.refresh(1, 2).outcome, Outcome::Refreshed(session));
    it.wait(9_999);
    let encrypted = 2_u64.to_be_bytes().to_vec();
    assert_eq!(it.refresh(1, 3).outcome, Outcome::RotatedEarlier(session, encrypted));
    assert!(it.speaks(1) && it.speaks(2) && !it.speaks(3));
    it.wait(1);
    assert!(!it.speaks(1) && it.speaks(2));
    let applied = it.refresh(1, 4);
    assert_eq!(applied.outcome, expired());
    assert_eq!(applied.ended[0].reason, EndReason::Revoked);
    assert!(it.realm.session(session).is_none() && !it.speaks(2));
    assert_eq!(it.refresh(2, 5).outcome, expired());
}

#[test]
fn without_rotation_the_refresh_token_stays() {
    let mut it = Script::new(|policy| policy.rotation = false);
    let session = it.session("Ada", 1);
    assert_eq!(it.refresh(1, 2).outcome, Outcome::Refreshed(session));
    it.wait(MINUTE);
    assert_eq!(it.refresh(1, 3).outcome, Outcome::Refreshed(session));
    assert_eq!(it.realm.session(session).unwrap().id, pair(3).id);
    assert!(it.speaks(3) && it.speaks(2) && !it.speaks(1));
}

#[test]
fn a_refresh_under_another_name_or_too_late_is_refused() {
    let mut it = Script::new(|policy| policy.refresh_ms = 60 * MINUTE);
    it.session("Ada", 1);
    let mut refresh = Refresh {
        presented: pair(1).refresh,
        user_name: Some(user("Bob")),
        token_hashes: pair(2),
        encrypted: Vec::new(),
        host: String::new(),
        monitored: false,
        client: LoginClient::default(),
        second_factor: SecondFactorInput::default(),
    };
    assert_eq!(it.outcome(Command::Refresh(refresh.clone())), expired());
    it.wait(60 * MINUTE);
    refresh.user_name = None;
    assert_eq!(it.outcome(Command::Refresh(refresh)), expired());
}

#[test]
fn a_dormant_session_does_not_count_until_it_is_resumed() {
    let mut it = Script::new(|policy| policy.sessions_max = Some(1));
    let first = it.session("Ada", 1);
    it.sleep(first);
    assert!(!it.speaks(1));
    let second = it.session("Ada", 2);
    assert!(matches!(it.refresh(1, 3).outcome, Outcome::Refused(Refusal::SessionLimit(_))));
    it.end(second, EndReason::Logout);
    (0..3).for_each(|_| drop(it.wrong("Ada")));
    assert_eq!(it.refresh(1, 4).outcome, locked(it.at + 5 * MINUTE));
    it.wait(5 * MINUTE);
    assert_eq!(it.refresh(1, 5).outcome, Outcome::Refreshed(first));
    assert!(it.speaks(5) && !it.speaks(1));
}

#[test]
fn a_disabled_user_resumes_no_session() {
    use tollgate::realm::{User, UserStatus};
    let mut it = Script::new(|_| {});
    let session = it.session("Ada", 1);
    it.sleep(session);
    let ada = it.realm.user_by_name(&user("Ada")).unwrap().clone();
    // Changes the row directly, because a command that disables the user also ends the session.
    it.realm.apply_changes(&[Change::Put(Row::User(User { status: UserStatus::Disabled, ..ada }))]);
    let refused = Outcome::Refused(Refusal::Locked { until: None });
    assert_eq!(it.refresh(1, 2).outcome, refused);
    assert_eq!(it.login("Ada", 3), refused);
}

#[test]
fn tabs_that_race_for_a_dormant_session_get_the_same_pair() {
    let mut it = Script::new(|_| {});
    let session = it.session("Ada", 1);
    it.sleep(session);
    assert_eq!(it.refresh(1, 2).outcome, Outcome::Refreshed(session));
    let encrypted = 2_u64.to_be_bytes().to_vec();
    assert_eq!(it.refresh(1, 3).outcome, Outcome::RotatedEarlier(session, encrypted));
    assert!(it.speaks(2) && !it.speaks(1), "the new token is not the only valid one");
}

#[test]
fn a_session_that_timed_out_and_is_refreshed_does_not_end() {
    for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
        let mut it = Script::new(|policy| {
            (policy.sessions_max, policy.when_full) = (Some(1), when_full);
        });
        let session = it.session("Ada", 1);
        it.wait(33 * MINUTE);
        let applied = it.refresh(1, 2);
        assert_eq!((applied.outcome, applied.ended), (Outcome::Refreshed(session), Vec::new()));
        assert!(it.speaks(2) && !it.speaks(1));
    }
}

#[test]
fn a_user_leaves_at_most_a_hundred_dormant_sessions() {
    let mut it = Script::new(|_| {});
    for number in 1..=150 {
        it.session("Ada", number);
    }
    it.wait(33 * MINUTE);
    let applied = it.apply(Command::Sweep);
    assert_eq!(applied.outcome, Outcome::EndedSessions(150));
    assert_eq!(it.realm.sessions_after(None).count(), 100);
    assert_eq!(it.realm.sessions_after(None).next().unwrap().no, SessionNo(51));
}

#[test]
fn a_wrong_old_password_counts_as_a_failed_login() {
    let mut it = Script::new(|_| {});
    assert_eq!(it.change("Ada", Verdict::Wrong, None).outcome, incorrect());
    assert_eq!(it.wrong("Ada"), incorrect());
    let until = it.at + 5 * MINUTE;
    assert_eq!(it.change("Ada", Verdict::Wrong, None).outcome, locked(until));
    assert_eq!(it.change("Ada", Verdict::Matched, None).outcome, locked(until));
}

#[test]
fn a_changed_password_ends_the_other_sessions() {
    let mut it = Script::new(|_| {});
    let kept = it.session("Ada", 1);
    it.session("Ada", 2);
    let dormant = it.session("Ada", 3);
    it.sleep(dormant);
    it.session("Bob", 4);
    let stale = login_command(&it.realm, "Ada", 5);
    let applied = it.change("Ada", Verdict::Matched, Some(kept));
    assert_eq!(applied.outcome, Outcome::Done);
    assert_eq!(applied.ended.len(), 1, "exactly one live session must end");
    assert_eq!(applied.ended[0].reason, EndReason::PasswordChanged);
    assert!(it.speaks(1) && !it.speaks(2) && it.speaks(4));
    assert_eq!(it.refresh(2, 6).outcome, expired());
    assert_eq!(it.refresh(3, 7).outcome, expired());
    assert_eq!(it.outcome(stale), Outcome::Refused(Refusal::StaleCredential));
}

#[test]
fn a_password_set_by_the_operator_ends_sessions_and_locks() {
    let mut it = Script::new(|_| {});
    it.session("Ada", 1);
    (0..3).for_each(|_| drop(it.wrong("Ada")));
    let set = SetCredential { user_name: user("Ada"), credential: "$set".into() };
    assert_eq!(it.apply(Command::SetCredential(set)).ended.len(), 1);
    it.session("Ada", 2);
}

#[test]
fn a_sweep_is_harmless_when_repeated() {
    let mut it = Script::new(|policy| policy.refresh_ms = 60 * MINUTE);
    it.session("Ada", 1);
    it.session("Bob", 2);
    it.refresh(1, 3);
    it.wait(32 * MINUTE);
    let ended = it.apply(Command::Sweep).ended;
    assert_eq!(ended.iter().map(|it| it.reason).collect::<Vec<_>>(), [EndReason::Idle; 2]);
    let rows = |it: &Script| {
        it.realm.rows().filter(|row| !matches!(row, Row::Seen(..))).collect::<Vec<_>>()
    };
    let before = rows(&it);
    let again = it.apply(Command::Sweep);
    assert_eq!((again.outcome, again.ended), (Outcome::EndedSessions(0), Vec::new()));
    assert_eq!(rows(&it), before);
    it.wait(28 * MINUTE);
    it.apply(Command::Sweep);
    assert_eq!(it.realm.sessions_after(None).count(), 0, "sessions with expired tokens remain");
    assert!(!it.realm.rows().any(|row| matches!(row, Row::RotatedToken(..))));
}

#[test]
fn unknown_names_are_counted_only_if_refusals_are_uniform() {
    let mut it = Script::new(|_| {});
    assert_eq!(it.wrong("unknown"), Outcome::Refused(Refusal::UnknownAccount));
    assert_eq!(it.realm.attempts().count(), 0);
    let mut it = Script::new(|policy| policy.uniform = true);
    assert_eq!(it.wrong("unknown"), incorrect());
    assert_eq!(it.wrong("unknown"), incorrect());
    let until = it.at + 5 * MINUTE;
    assert_eq!(it.wrong("unknown"), locked(until));
    it.wait(5 * MINUTE);
    it.apply(Command::Sweep);
    let known = it.realm.attempts().count();
    assert_eq!(known, 1, "an unknown name was forgotten sooner than the name of a user");
    assert_eq!(it.wrong("unknown"), incorrect());
}

#[test]
fn at_most_ten_thousand_unknown_names_are_remembered() {
    let mut it = Script::new(|policy| policy.uniform = true);
    it.wrong("Ada");
    let attempt = |name: &str, at: u64| {
        let attempts = tollgate::realm::Attempts { at, ..Default::default() };
        Change::Put(Row::Attempts(UserName::parse(name).unwrap(), attempts))
    };
    let others: Vec<_> =
        (0..9_999).map(|no| attempt(&format!("unknown{no}"), 500_000 + no)).collect();
    it.realm.apply_changes(&others);
    it.wrong("one");
    assert_eq!(it.realm.attempts().count(), 10_001, "the name of a user counted as unknown");
    it.wrong("two");
    assert_eq!(it.realm.attempts().count(), 10_001);
    let remembered = |name: &str| it.realm.attempts().any(|(known, _)| known.is(name));
    assert!(!remembered("unknown0") && remembered("unknown1"), "the oldest was not replaced");
    assert!(remembered("Ada") && remembered("one") && remembered("two"));
}

#[test]
fn a_batch_of_session_uses_keeps_the_newest_access() {
    let mut it = Script::new(|_| {});
    let session = it.session("Ada", 1);
    let session_use = |at: u64, monitored: bool| SessionUse { session, at, monitored };
    let at = it.at;
    it.wait(MINUTE);
    it.apply(Command::RecordSessionUse(vec![
        session_use(at + 50_000, false),
        session_use(at + 10_000, true),
    ]));
    let session = it.realm.session(session).unwrap();
    assert_eq!((session.accessed, session.monitored), (at + 50_000, true));
}

#[test]
fn a_chosen_id_never_becomes_an_administration_right() {
    let mut it = Script::new(|_| {});
    let next = format!("900000000000{}RISP0", ADMINISTRATION.len() + 3);
    let chosen = RightSpec { id: Some(next.clone()), ..right_wanted("ORDEN") };
    it.apply(Command::InsertRight(Actor::Operator, chosen));
    let granted = profile_wanted("TRADER", &["ORDEN"], &["Ada"]);
    it.apply(Command::InsertProfile(Actor::Operator, granted));
    // A newer version has more administration rights.
    it.apply(newer_version());
    let ada = it.realm.user_by_name(&user("Ada")).unwrap().no;
    let right = it.realm.right_by_code("ORDEN").expect("the right with the chosen id remains");
    assert_eq!(right.no.id(right.location), next);
    assert!(it.realm.holds_code(ada, "ORDEN") && !it.realm.holds_code(ada, "NEW_POWER"));
}

/// The bootstrap of a newer version, which has one more administration right.
fn newer_version() -> Command {
    let Command::Bootstrap(mut newer) = found() else { panic!("not a bootstrap") };
    newer.administrator = None;
    newer.rights.push((code("NEW_POWER"), protocol::Description::default()));
    Command::Bootstrap(newer)
}

#[test]
fn a_new_administration_right_goes_to_whoever_holds_all_former_ones() {
    let mut it = Script::new(|_| {});
    let all: Vec<_> = ADMINISTRATION.iter().map(|(code, _)| *code).collect();
    it.apply(Command::InsertProfile(Actor::Operator, profile_wanted("CHIEFS", &all, &["Bob"])));
    it.apply(Command::InsertProfile(
        Actor::Operator,
        profile_wanted("ALMOST", &all[1..], &["Ada"]),
    ));
    let mut direct = new_user("Direct", &[]);
    direct.rights = all.iter().map(|it| code(it)).collect();
    let mut almost = new_user("Almost", &[]);
    almost.rights = all[..all.len() - 1].iter().map(|it| code(it)).collect();
    it.apply(Command::AddUsers(vec![direct, almost]));
    it.apply(newer_version());
    for (name, expected) in
        [("ADMIN", true), ("Bob", true), ("Direct", true), ("Ada", false), ("Almost", false)]
    {
        let no = it.realm.user_by_name(&user(name)).unwrap().no;
        assert_eq!(it.realm.holds_code(no, "NEW_POWER"), expected, "{name}");
    }
}

#[test]
fn the_last_administrator_cannot_be_removed() {
    let mut it = Script::new(|_| {});
    let refused = Outcome::Refused(Refusal::LastAdministrator);
    let mut spec = profile_wanted("USER_ADMIN", &["ORDEN"], &[]);
    assert_eq!(
        it.outcome(Command::DeleteProfile(Actor::Operator, spec.clone())),
        refused,
        "the operator removed the last administrator"
    );
    spec.rights = Some(Vec::new());
    spec.users = None;
    assert_eq!(it.outcome(Command::AmendProfile(Actor::Operator, spec.clone())), refused);
    spec.rights = None;
    spec.users = Some(vec![named(user("Bob"))]);
    let changed = it.outcome(Command::AmendProfile(Actor::Operator, spec));
    assert!(matches!(changed, Outcome::Profile(_)), "Bob did not replace ADMIN: {changed:?}");
}

#[test]
fn a_repeated_entry_is_dropped() {
    let mut it = Script::new(|_| {});
    let login = login_command(&it.realm, "Ada", 1);
    let first = it.apply(login.clone());
    assert!(matches!(first.outcome, Outcome::LoggedIn(_)));
    it.next -= 1;
    let again = it.apply(login);
    assert_eq!((again.outcome, again.changes), (Outcome::Repeated, Vec::new()));
    assert_eq!(it.live("Ada"), 1);
    // An entry that is more than two minutes newer deletes the id.
    it.wait(120_001);
    it.next += 100;
    let forgets = |applied: &Applied| {
        applied.changes.iter().any(|it| matches!(it, Change::Delete(Key::Seen(_))))
    };
    assert!(forgets(&it.apply(Command::Sweep)));
}

#[test]
fn a_login_is_checked_again_when_it_is_applied() {
    let mut it = Script::new(|_| {});
    let checked = Some(Fingerprint::new("$another"));
    let login = Login {
        user_name: user("Ada"),
        verdict: Verdict::Matched,
        checked,
        token_hashes: pair(1),
        host: String::new(),
        monitored: false,
        client: LoginClient::default(),
        rehash: None,
        session_kind: Default::default(),
        second_factor: SecondFactorInput::default(),
        authenticated_by: Default::default(),
    };
    assert_eq!(it.outcome(Command::Login(login)), Outcome::Refused(Refusal::StaleCredential));
    assert!(it.realm.session_by_token(it.at, &hash(2)).is_none());
}
