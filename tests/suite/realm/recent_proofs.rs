//! Tests of recent proofs: reauthentication, password changes with a factor, bound pending logins.

use tollgate::realm::{
    Actor, AuthenticatedBy, ChangePassword, Command, Fingerprint, LoginClient, MfaReason, Millis,
    Outcome, Policy, PresentedFactor, Reauthenticate, Refusal, RequiredFactor, SecondFactorInput,
    SessionNo, Verdict,
};

use super::second_factors::{factor_required, finish, mfa, totp};
use crate::harness::realm::{
    MINUTE, Script, code_hash, hash, incorrect, login_command, named, profile_wanted, user,
};

/// The token by which a connection proves a second factor that was accepted before.
const KEPT: u64 = 7_000;

fn change(it: &Script, presented: Option<PresentedFactor>, keep: Option<SessionNo>) -> Command {
    let ada = it.realm.user_by_name(&user("Ada")).unwrap();
    Command::ChangePassword(ChangePassword {
        user_name: ada.name.clone(),
        verdict: Verdict::Matched,
        checked: ada.credential.as_deref().map(Fingerprint::new),
        credential: Some("$changed".into()),
        actor: None,
        keep,
        client: LoginClient::default(),
        presented,
        earlier_factor: Some(hash(KEPT)),
    })
}

fn login_on_the_connection(it: &mut Script, network: &str, number: u64) -> Outcome {
    let Command::Login(mut login) = login_command(&it.realm, "Ada", number) else {
        panic!("not a login")
    };
    login.client.network = network.into();
    login.second_factor = SecondFactorInput {
        pending_login: Some(code_hash(number)),
        earlier: Some(hash(KEPT)),
        ..SecondFactorInput::default()
    };
    it.outcome(Command::Login(login))
}

#[test]
fn the_password_of_a_user_with_a_factor_is_changed_only_with_a_code() {
    let required = |reason| Outcome::Refused(Refusal::SecondFactor(reason, RequiredFactor::Totp));
    let mut it = mfa(|_| {});
    it.enrol(900);
    let command = change(&it, None, None);
    assert_eq!(it.outcome(command), required(MfaReason::Required));
    let command = change(&it, Some(totp(None)), None);
    assert_eq!(it.outcome(command), required(MfaReason::Invalid));
    let recovery = PresentedFactor::Code(code_hash(10));
    let command = change(&it, Some(recovery), None);
    assert_eq!(it.outcome(command), Outcome::Done);

    // A session that proved the factor recently needs no code; later it does.
    for (wait, expected) in
        [(14 * MINUTE, Outcome::Done), (15 * MINUTE, required(MfaReason::Required))]
    {
        let mut it = mfa(|_| {});
        it.enrol(900);
        let Outcome::LoggedIn(session) = it.login_with(1, Some(totp(Some(930)))) else {
            panic!("no session")
        };
        it.wait(wait);
        let command = change(&it, None, Some(session));
        assert_eq!(it.outcome(command), expected, "after {wait} ms");
    }
}

#[test]
fn a_login_on_the_same_connection_needs_no_second_code_for_two_minutes() {
    let opened = |outcome| matches!(outcome, Outcome::LoggedIn(_));
    let changed = || {
        let mut it = mfa(|_| {});
        it.enrol(900);
        let command = change(&it, Some(totp(Some(930))), None);
        assert_eq!(it.outcome(command), Outcome::Done);
        it
    };
    let mut it = changed();
    it.wait(2 * MINUTE - 1);
    assert!(opened(login_on_the_connection(&mut it, "", 1)));
    assert!(!opened(login_on_the_connection(&mut it, "", 2)), "the proof was used twice");
    let mut it = changed();
    it.wait(2 * MINUTE);
    assert!(!opened(login_on_the_connection(&mut it, "", 3)), "the proof did not end");
    let mut it = changed();
    assert!(!opened(login_on_the_connection(&mut it, "198.51.100.9", 4)), "another network");
}

#[test]
fn a_pending_login_is_completed_where_it_began() {
    let mut it = mfa(|_| {});
    it.enrol(900);
    let Command::Login(mut login) = login_command(&it.realm, "Ada", 1) else {
        panic!("not a login")
    };
    (login.client.network, login.monitored) = ("203.0.113.7".into(), true);
    login.second_factor.pending_login = Some(code_hash(1));
    let pending = it.outcome(Command::Login(login));
    assert_eq!(pending, factor_required(MfaReason::Required, RequiredFactor::Totp));
    for (network, monitored, expected) in
        [("198.51.100.9", true, false), ("203.0.113.7", false, false), ("203.0.113.7", true, true)]
    {
        let mut done = finish(1, 2, Some(totp(Some(930))));
        (done.client.network, done.monitored) = (network.into(), monitored);
        let outcome = it.outcome(Command::FinishLogin(done));
        assert_eq!(matches!(outcome, Outcome::LoggedIn(_)), expected, "{network} {outcome:?}");
    }
}

fn reauthenticate(it: &mut Script, session: SessionNo, verdict: Verdict) -> Outcome {
    let ada = it.realm.user_by_name(&user("Ada")).unwrap();
    let checked = ada.credential.as_deref().map(Fingerprint::new);
    it.outcome(Command::Reauthenticate(Reauthenticate {
        session,
        verdict,
        checked,
        authenticated_by: AuthenticatedBy::Password,
        presented: None,
        client: LoginClient::default(),
    }))
}

/// A session keeps itself live and waits until its login is no longer recent.
fn outdated(it: &mut Script, session: SessionNo) {
    let uses = |at: Millis| tollgate::realm::SessionUse { session, at, monitored: false };
    it.wait(15 * MINUTE);
    let at = it.at;
    it.apply(Command::RecordSessionUse(vec![uses(at)]));
}

#[test]
fn a_second_factor_needs_a_recent_proof_of_the_password() {
    let mut it = mfa(|_| {});
    let session = it.session("Ada", 1);
    let create = || {
        Command::CreateSecret(tollgate::realm::CreateSecret {
            actor: tollgate::realm::EnrolmentActor::Actor(Actor::Session(session)),
            user_name: None,
            encrypted: "encrypted".into(),
        })
    };
    it.wait(15 * MINUTE - 1);
    assert_eq!(it.outcome(create()), Outcome::Done);
    outdated(&mut it, session);
    let refused = Outcome::Refused(Refusal::ReauthenticationRequired);
    assert_eq!(it.outcome(create()), refused);
    assert_eq!(reauthenticate(&mut it, session, Verdict::Wrong), incorrect());
    assert_eq!(it.outcome(create()), refused, "a wrong password counted as a proof");
    assert_eq!(reauthenticate(&mut it, session, Verdict::Matched), Outcome::Done);
    assert_eq!(it.outcome(create()), Outcome::Done);
}

#[test]
fn hardened_grants_of_administration_rights_need_a_recent_proof() {
    for hardened in [false, true] {
        let mut it = Script::new(|policy: &mut Policy| policy.reauthentication_for_all = hardened);
        let session = it.session("ADMIN", 1);
        outdated(&mut it, session);
        let joins = |name: &str, rights: &[&str]| {
            let wanted = profile_wanted(name, rights, &["Bob"]);
            Command::InsertProfile(Actor::Session(session), wanted)
        };
        let granted = it.outcome(joins("CLERKS", &["AMEND_USER"]));
        let is_refused = granted == Outcome::Refused(Refusal::ReauthenticationRequired);
        assert_eq!(is_refused, hardened, "{granted:?}");
        let mut members = profile_wanted("USER_ADMIN", &[], &[]);
        (members.rights, members.users) =
            (None, Some(vec![named(user("ADMIN")), named(user("Ada"))]));
        let joined = it.outcome(Command::AmendProfile(Actor::Session(session), members));
        assert_eq!(matches!(joined, Outcome::Refused(_)), hardened, "{joined:?}");
        // Other changes need none.
        assert!(matches!(it.outcome(joins("TRADERS", &[])), Outcome::Profile(_)));
    }
}
