//! Tests of the rules of access tokens, one-time tokens and token lifetimes.

use tollgate::realm::{
    Actor, Command, EndReason, Login, Outcome, Refusal, SessionKind, SessionNo, SpendOneTime,
    TokenHash, TokenKind,
};

use crate::harness::realm::{MINUTE, Script, hash, login_command, user};

/// Opens a session of the token API.
fn connect(script: &mut Script, name: &str, pair: u64) -> SessionNo {
    let Command::Login(login) = login_command(&script.realm, name, pair) else { unreachable!() };
    match script.outcome(Command::Login(Login { session_kind: SessionKind::Token, ..login })) {
        Outcome::LoggedIn(session) => session,
        other => panic!("{other:?}"),
    }
}

fn record_use(script: &mut Script, session: SessionNo) {
    let session_use = tollgate::realm::SessionUse { session, at: script.at, monitored: false };
    script.apply(Command::RecordSessionUse(vec![session_use]));
}

#[test]
fn an_access_token_expires_despite_use_and_a_refresh_issues_another() {
    let mut script = Script::new(|policy| policy.access_ms = 10 * MINUTE);
    let session = connect(&mut script, "Ada", 1);
    script.wait(10 * MINUTE - 1);
    record_use(&mut script, session);
    assert!(script.live("Ada") == 1);
    script.wait(1);
    assert_eq!(script.live("Ada"), 0);
    let swept = script.apply(Command::Sweep);
    assert_eq!(swept.ended[0].reason, EndReason::Expired);
    assert!(matches!(script.refresh(1, 2).outcome, Outcome::Refreshed(_)));
    script.wait(10 * MINUTE - 1);
    assert_eq!(script.live("Ada"), 1);
    script.wait(1);
    assert_eq!(script.live("Ada"), 0);
}

/// Idle time does not matter: an hour without use is within a lifetime of two hours.
#[test]
fn an_access_token_does_not_idle_out() {
    let mut script = Script::new(|policy| policy.access_ms = 120 * MINUTE);
    connect(&mut script, "Ada", 1);
    let other = script.session("Ada", 2);
    script.wait(60 * MINUTE);
    assert_eq!(script.apply(Command::Sweep).ended.len(), 1);
    assert!(script.realm.session(other).unwrap().dormant.is_some());
    assert_eq!(script.live("Ada"), 1);
}

fn create(script: &mut Script, session: SessionNo, token: TokenHash) -> Outcome {
    script.outcome(Command::CreateOneTime(Actor::Session(session), token))
}

fn spend(script: &mut Script, token: TokenHash) -> Outcome {
    script.outcome(Command::SpendOneTime(SpendOneTime { token, actor: None }))
}

fn refused() -> Outcome {
    Outcome::Refused(Refusal::InvalidOneTimeToken)
}

#[test]
fn a_one_time_token_is_spent_once_and_expires_on_time() {
    let mut script = Script::new(|policy| policy.one_time_ms = 1_000);
    let ada = script.session("Ada", 1);
    let [first, second, third] = [11, 12, 13].map(hash);
    for token in [first, second, third] {
        assert_eq!(create(&mut script, ada, token), Outcome::Done);
    }
    assert_eq!(spend(&mut script, first), Outcome::OneTimeTokenUsed(user("Ada")));
    assert_eq!(spend(&mut script, first), refused());
    script.wait(999);
    assert_eq!(spend(&mut script, second), Outcome::OneTimeTokenUsed(user("Ada")));
    script.wait(1);
    assert_eq!(spend(&mut script, third), refused());
    script.apply(Command::Sweep);
    assert!(!script.realm.rows().any(|row| matches!(row, tollgate::realm::Row::OneTime(..))));
}

#[test]
fn one_time_tokens_end_with_their_session_and_their_user() {
    let mut script = Script::new(|_| {});
    let session = script.session("Ada", 1);
    create(&mut script, session, hash(11));
    script.end(session, EndReason::Logout);
    assert_eq!(spend(&mut script, hash(11)), refused());
    let session = script.session("Ada", 2);
    create(&mut script, session, hash(12));
    let spec = tollgate::realm::UserSpec { name: Some(user("Ada")), ..Default::default() };
    script.outcome(Command::DeleteUser(Actor::Operator, spec));
    assert_eq!(spend(&mut script, hash(12)), refused());
    assert!(!script.realm.rows().any(|row| matches!(row, tollgate::realm::Row::OneTime(..))));
}

#[test]
fn spending_requires_the_right_to_verify() {
    let mut script = Script::new(|_| {});
    let ada = script.session("Ada", 1);
    create(&mut script, ada, hash(11));
    let spend_as =
        |actor| Command::SpendOneTime(SpendOneTime { token: hash(11), actor: Some(actor) });
    let refused = script.outcome(spend_as(Actor::Session(ada)));
    assert_eq!(refused, Outcome::Refused(Refusal::NotAuthorised("VERIFY_OTT".to_owned())));
    let admin = script.session("ADMIN", 2);
    assert_eq!(
        script.outcome(spend_as(Actor::Session(admin))),
        Outcome::OneTimeTokenUsed(user("Ada"))
    );
}

#[test]
fn lifetimes_set_by_an_administrator_override_the_policy() {
    let mut script = Script::new(|policy| policy.access_ms = 5 * MINUTE);
    let amend = |kind, life| Command::AmendTokenLifetimes(Actor::Operator, vec![(kind, life)]);
    assert_eq!(script.realm.effective_lifetimes().access_ms, 5 * MINUTE);
    script.outcome(amend(TokenKind::Access, Some(7 * MINUTE)));
    assert_eq!(script.realm.effective_lifetimes().access_ms, 7 * MINUTE);
    let refused = script.outcome(amend(TokenKind::Refresh, Some(7 * MINUTE)));
    assert_eq!(refused, Outcome::Refused(Refusal::InvalidLifetimes));
    script.outcome(amend(TokenKind::Access, None));
    assert_eq!(script.realm.effective_lifetimes().access_ms, 5 * MINUTE);
    assert!(!script.realm.rows().any(|row| matches!(row, tollgate::realm::Row::TokenLifetimes(_))));
}
