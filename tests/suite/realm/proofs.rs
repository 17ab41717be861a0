//! Each proof against each event that voids proofs.

use std::collections::BTreeSet;

use tollgate::realm::{
    Actor, Amendment, Command, EndReason, MailSecret, NewUser, Outcome, PresentedFactor, Realm,
    RequestReset, ResetPassword, Row, SpendOneTime, StoredRow, UserSpec, UserStatus, Verdict,
};
use tollgate::storage::export;

use super::second_factors::{by_links, mfa};
use crate::harness::realm::{Script, code_hash, hash, new_user, user};

/// Something that was issued for a user and lets its holder in, or changes the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Proof {
    /// The token of a mailed reset link.
    ResetToken,
    /// A reset link that waits to be mailed.
    QueuedReset,
    /// The code of a mailed login link.
    LinkCode,
    /// A login whose password was right.
    PendingLogin,
    /// A code that replaces mailed links.
    ActiveCode,
    /// The session token of a session of another client.
    Session,
    /// The refresh token of a session that ended and can be resumed.
    DormantSession,
    /// A one-time token of a session of another client.
    OneTimeToken,
    /// A one-time password, used as if it need not be changed.
    OneTimePassword,
}

/// The proofs that a row contains. Lists every kind of row, so that a new kind must be classified.
fn proofs_of(row: &Row) -> &'static [Proof] {
    match row {
        Row::User(_) => &[Proof::OneTimePassword],
        Row::Session(_) => &[Proof::Session, Proof::DormantSession],
        Row::PendingLogin(..) => &[Proof::PendingLogin, Proof::LinkCode],
        Row::ActiveCode(_) => &[Proof::ActiveCode],
        Row::SelfReset(..) => &[Proof::ResetToken],
        Row::Mail(_) => &[Proof::QueuedReset],
        Row::OneTime(..) => &[Proof::OneTimeToken],
        // The use of a rotated token after its grace period revokes its session.
        Row::RotatedToken(..) => &[],
        // Secrets of the user, not issued for one purpose.
        Row::SecondFactor(..) | Row::History(..) => &[],
        Row::Policy(_) | Row::Counters(_) | Row::Right(_) | Row::Profile(_) => &[],
        Row::Member(..) | Row::Grant(..) | Row::Direct(..) | Row::Attempts(..) => &[],
        Row::Seen(..) | Row::TokenLifetimes(_) | Row::PepperCheck(_) => &[],
        Row::ConfiguredName(..) | Row::Places(..) => &[],
    }
}

const PROOFS: [Proof; 9] = [
    Proof::ResetToken,
    Proof::QueuedReset,
    Proof::LinkCode,
    Proof::PendingLogin,
    Proof::ActiveCode,
    Proof::Session,
    Proof::DormantSession,
    Proof::OneTimeToken,
    Proof::OneTimePassword,
];

/// An event after which proofs are void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    OwnChange,
    Reset,
    Expire,
    DisableAndEnable,
    DeleteAndInsert,
    NewAddress,
    NewFactor,
    Restore,
}

const EVENTS: [Event; 8] = [
    Event::OwnChange,
    Event::Reset,
    Event::Expire,
    Event::DisableAndEnable,
    Event::DeleteAndInsert,
    Event::NewAddress,
    Event::NewFactor,
    Event::Restore,
];

/// The proofs that stay, each with the sentence that keeps it.
const KEPT: [(Proof, Event, &str); 5] = [
    (Proof::Session, Event::Expire, "an expired password must be changed at the next login"),
    (Proof::OneTimeToken, Event::Expire, "one-time tokens end with their session"),
    (Proof::Session, Event::NewAddress, "a new address voids what is mailed, not sessions"),
    (Proof::DormantSession, Event::NewAddress, "a new address voids what is mailed, not sessions"),
    (Proof::OneTimeToken, Event::NewAddress, "one-time tokens end with their session"),
];

/// Number of the mailed code, of the pending login and of the session.
const CODE: u64 = 1;
const PENDING: u64 = 2;
const PAIR: u64 = 3;

fn ada(it: &Script) -> tollgate::realm::UserNo {
    it.realm.user_by_name(&user("Ada")).expect("the user Ada exists").no
}

/// Returns a realm in which the proof was issued for Ada.
fn issued(proof: Proof) -> Script {
    let is_mailed = matches!(proof, Proof::LinkCode | Proof::PendingLogin | Proof::ActiveCode);
    let mut it = if is_mailed { mfa(by_links) } else { mfa(|_| {}) };
    let reset = || Command::RequestReset(RequestReset { user_name: user("Ada"), url: None });
    match proof {
        Proof::ResetToken => {
            it.apply(reset());
            it.apply(Command::IssueMailSecret(it.mail(), MailSecret::Token(code_hash(CODE))));
        }
        Proof::QueuedReset => drop(it.apply(reset())),
        Proof::LinkCode | Proof::PendingLogin | Proof::ActiveCode => {
            it.login_with(PENDING, None);
            it.apply(Command::IssueMailSecret(it.mail(), MailSecret::Token(code_hash(CODE))));
            if proof == Proof::ActiveCode {
                let code = PresentedFactor::Code(code_hash(CODE));
                let done = it.finish(PENDING, PAIR, Some(code));
                assert!(matches!(done, Outcome::LoggedInWithActiveCode(_)), "{done:?}");
            }
        }
        Proof::Session | Proof::DormantSession | Proof::OneTimeToken => {
            let session = it.session("Ada", PAIR);
            if proof == Proof::DormantSession {
                it.sleep(session);
            }
            if proof == Proof::OneTimeToken {
                it.apply(Command::CreateOneTime(Actor::Session(session), hash(99)));
            }
        }
        Proof::OneTimePassword => {
            let credential = Some("$once".into());
            let reset = ResetPassword { user_name: user("Ada"), credential, mailed: false };
            it.apply(Command::ResetPassword(Actor::Operator, reset));
        }
    }
    it
}

fn happens(it: &mut Script, event: Event) {
    let amend = |event, spec| Command::AmendUser(Actor::Operator, event, spec);
    let named = || UserSpec { name: Some(user("Ada")), ..UserSpec::default() };
    match event {
        Event::OwnChange => {
            let done = it.change("Ada", Verdict::Matched, None);
            assert_eq!(done.outcome, Outcome::Done);
        }
        Event::Reset => {
            let reset = ResetPassword { user_name: user("Ada"), credential: None, mailed: false };
            it.apply(Command::ResetPassword(Actor::Operator, reset));
        }
        Event::Expire => drop(it.apply(Command::ExpirePassword(Actor::Operator, user("Ada")))),
        Event::DisableAndEnable => {
            it.apply(amend(Amendment::Disable, named()));
            it.apply(amend(Amendment::Enable, named()));
        }
        Event::DeleteAndInsert => {
            it.apply(Command::DeleteUser(Actor::Operator, named()));
            let again = NewUser { credential: Some("$first".into()), ..new_user("Ada", &[]) };
            it.apply(Command::AddUsers(vec![again]));
        }
        Event::NewAddress => {
            let attributes = vec![(2, Some("other@example.org".into()))];
            it.apply(amend(Amendment::Record, UserSpec { attributes, ..named() }));
        }
        Event::NewFactor => it.enrol(it.at / 1_000),
        Event::Restore => {
            let rows = it.realm.rows().filter(|row| !matches!(row, Row::Seen(..)));
            let exported =
                export::without_proofs(rows.map(|row| StoredRow::from_row(&row)).collect());
            it.realm = Realm::default();
            assert_eq!(it.outcome(Command::Restore(exported)), Outcome::Done);
        }
    }
}

/// Whether the proof still lets its holder in, or changes the password.
fn is_valid(it: &mut Script, proof: Proof) -> bool {
    let opens = |outcome: Outcome| {
        matches!(outcome, Outcome::LoggedIn(_) | Outcome::LoggedInWithActiveCode(_))
    };
    let code = |number| Some(PresentedFactor::Code(code_hash(number)));
    match proof {
        Proof::ResetToken => {
            it.realm.user_by_reset(it.at, &user("Ada"), &code_hash(CODE)).is_some()
        }
        Proof::QueuedReset => {
            let Some(mail) = it.realm.mails_due(u64::MAX).next().map(|mail| mail.no) else {
                return false;
            };
            let issue = Command::IssueMailSecret(mail, MailSecret::Token(code_hash(CODE)));
            it.outcome(issue) == Outcome::Done
        }
        Proof::LinkCode => opens(it.login_with(40, code(CODE))),
        Proof::PendingLogin => opens(it.finish(PENDING, 41, code(CODE))),
        Proof::ActiveCode => opens(it.login_with(42, code(PAIR + 500))),
        Proof::Session => it.speaks(PAIR),
        Proof::DormantSession => {
            matches!(it.refresh(PAIR, 43).outcome, Outcome::Refreshed(_))
        }
        Proof::OneTimeToken => {
            let spend = SpendOneTime { token: hash(99), actor: None };
            matches!(it.outcome(Command::SpendOneTime(spend)), Outcome::OneTimeTokenUsed(_))
        }
        Proof::OneTimePassword => {
            let is_once = it.realm.user(ada(it)).unwrap().credential.as_deref() == Some("$once");
            is_once && opens(it.login("Ada", 44))
        }
    }
}

#[test]
fn every_row_with_a_proof_is_in_the_matrix() {
    let mut all = BTreeSet::new();
    for proof in PROOFS {
        let rows: Vec<_> = issued(proof).realm.rows().collect();
        all.extend(rows.iter().flat_map(proofs_of).copied());
    }
    assert_eq!(all, PROOFS.into_iter().collect());
}

#[test]
fn every_event_voids_every_proof_but_the_kept_ones() {
    let mut wrong = Vec::new();
    for proof in PROOFS {
        // A one-time password is never valid without a change.
        let is_valid_before = proof != Proof::OneTimePassword;
        assert_eq!(is_valid(&mut issued(proof), proof), is_valid_before, "{proof:?}");
        for event in EVENTS {
            let mut it = issued(proof);
            happens(&mut it, event);
            let kept = KEPT.iter().any(|(a, b, _)| (*a, *b) == (proof, event));
            if is_valid(&mut it, proof) != kept {
                wrong.push(format!("{proof:?} after {event:?}: valid should be {kept}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A password that must be changed stays so, whatever the status was in between.
#[test]
fn no_status_ends_a_required_change() {
    let mut it = issued(Proof::OneTimePassword);
    let named = || UserSpec { name: Some(user("Ada")), ..UserSpec::default() };
    let status = |status| UserSpec { status: Some(status), ..named() };
    let events = [
        (Amendment::Disable, named()),
        (Amendment::Enable, named()),
        (Amendment::Record, status(UserStatus::Enabled)),
        (Amendment::Record, status(UserStatus::PasswordExpired)),
        (Amendment::Record, status(UserStatus::Enabled)),
        (Amendment::Disable, named()),
        (Amendment::Record, status(UserStatus::Enabled)),
    ];
    for (event, spec) in events {
        it.apply(Command::AmendUser(Actor::Operator, event, spec));
        let no = ada(&it);
        assert!(it.realm.user(no).unwrap().must_change().is_some());
        assert!(!matches!(it.login("Ada", 50), Outcome::LoggedIn(_)));
    }
    let done = it.change("Ada", Verdict::Matched, None);
    assert_eq!(done.outcome, Outcome::Done);
    assert!(matches!(it.login("Ada", 51), Outcome::LoggedIn(_)));
}

/// The last password of a user who may be disabled must not be usable after its end.
#[test]
fn a_one_time_password_ends() {
    let mut it = issued(Proof::OneTimePassword);
    let wrong = Outcome::Refused(tollgate::realm::Refusal::IncorrectCredentials);
    it.wait(72 * 3_600_000 - 1);
    assert_ne!(it.login("Ada", 60), wrong);
    it.wait(1);
    assert_eq!(it.login("Ada", 61), wrong);
    assert_eq!(it.change("Ada", Verdict::Matched, None).outcome, wrong);
}

#[test]
fn a_session_ends_at_its_maximum_age_also_if_it_is_refreshed() {
    let hour = 3_600_000;
    let mut it = Script::new(|policy| policy.max_session_ms = Some(2 * hour));
    let session = it.session("Ada", 1);
    for number in 2..5 {
        it.wait(hour / 2);
        assert_eq!(it.refresh(number - 1, number).outcome, Outcome::Refreshed(session));
    }
    it.wait(hour / 2 - 1);
    assert!(it.speaks(4) && it.live("Ada") == 1);
    it.wait(1);
    assert_eq!(it.live("Ada"), 0);
    assert_eq!(it.refresh(4, 5).outcome, crate::harness::realm::expired());
    let swept = it.apply(Command::Sweep);
    assert_eq!(swept.ended[0].reason, EndReason::MaxAge);
    assert!(it.realm.session(session).is_none(), "the refresh token was kept");
}
