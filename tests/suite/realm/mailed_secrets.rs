//! Tests of mailed links, active codes, resets and the mail queue.

use tollgate::realm::{
    Actor, Command, MailKind, MailSecret, MailSent, MfaReason, Outcome, PresentedFactor, Refusal,
    RequestReset, RequiredFactor, ResetByToken,
};

use super::second_factors::{by_links, factor_required, mfa};
use crate::harness::realm::{MINUTE, code_hash, user};

#[test]
fn the_code_of_a_link_finishes_its_own_login_once_and_leaves_an_active_code() {
    let mut it = mfa(by_links);
    let required = factor_required(MfaReason::Required, RequiredFactor::Link);
    assert_eq!(it.login_with(1, None), required);
    let mail = it.mail();
    assert_eq!(
        it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(31)))),
        Outcome::Done
    );
    it.outcome(Command::MailSent(mail, MailSent::Sent));
    assert_eq!(it.login_with(2, None), required);
    // The link of one login does not finish another.
    let wrong = factor_required(MfaReason::Invalid, RequiredFactor::Link);
    assert_eq!(it.finish(2, 50, Some(PresentedFactor::Code(code_hash(31)))), wrong);
    let Outcome::LoggedInWithActiveCode(no) =
        it.finish(1, 51, Some(PresentedFactor::Code(code_hash(31))))
    else {
        panic!()
    };
    assert!(it.realm.session(no).unwrap().factor_verified);
    assert_eq!(
        it.login_with(3, Some(PresentedFactor::Code(code_hash(31)))),
        wrong,
        "a used code was accepted"
    );
    // From now on the active code is accepted instead of a link, until it is revoked.
    let active = || Some(PresentedFactor::Code(code_hash(551)));
    assert!(matches!(it.login_with(4, active()), Outcome::LoggedIn(_)));
    assert_eq!(it.realm.active_codes_after(None).collect::<Vec<_>>(), [1]);
    it.outcome(Command::RevokeCode(Actor::Operator, 1));
    assert_eq!(it.login_with(5, active()), wrong);
}

#[test]
fn links_are_mailed_at_intervals_and_for_the_newest_login() {
    let mut it = mfa(by_links);
    it.login_with(1, None);
    let mail = it.mail();
    it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(31))));
    it.outcome(Command::MailSent(mail, MailSent::Sent));
    for number in 2..6 {
        it.wait(1_000);
        it.login_with(number, None);
    }
    let waiting: Vec<_> = it.realm.mails_due(u64::MAX).collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].due, 1_000_000 + 30_000);
    assert_eq!(waiting[0].kind, MailKind::Link(code_hash(5)));
}

#[test]
fn links_and_active_codes_expire_on_time() {
    for (wait, in_time) in [(15 * MINUTE - 1, true), (15 * MINUTE, false)] {
        let mut it = mfa(by_links);
        it.login_with(1, None);
        let mail = it.mail();
        it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(31))));
        it.wait(wait);
        let outcome = it.login_with(2, Some(PresentedFactor::Code(code_hash(31))));
        assert_eq!(matches!(outcome, Outcome::LoggedInWithActiveCode(_)), in_time, "{outcome:?}");
    }
    for (wait, in_time) in [(600 * MINUTE - 1, true), (600 * MINUTE, false)] {
        let mut it = mfa(by_links);
        it.login_with(1, None);
        let mail = it.mail();
        it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(31))));
        it.finish(1, 50, Some(PresentedFactor::Code(code_hash(31))));
        it.wait(wait);
        let outcome = it.login_with(2, Some(PresentedFactor::Code(code_hash(550))));
        assert_eq!(matches!(outcome, Outcome::LoggedIn(_)), in_time, "{outcome:?}");
        it.outcome(Command::Sweep);
        assert_eq!(it.realm.active_codes_after(None).count(), usize::from(in_time));
    }
}

/// A queued mail with an issued secret is not redirected to another login.
#[test]
fn a_login_while_a_link_is_sent_gets_its_own_link() {
    let mut it = mfa(by_links);
    it.login_with(1, None);
    let mail = it.mail();
    it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(31))));
    it.login_with(2, None);
    it.outcome(Command::MailSent(mail, MailSent::Sent));
    let waiting: Vec<_> = it.realm.mails_due(u64::MAX).collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].kind, MailKind::Link(code_hash(2)));
}

#[test]
fn a_mail_is_retried_at_growing_intervals_and_given_up_after_a_day() {
    let mut it = mfa(by_links);
    it.login_with(1, None);
    let mail = it.mail();
    let mut waits = Vec::new();
    while let Some(next) = it.realm.next_mail() {
        waits.push(next.saturating_sub(it.at) / 1_000);
        it.at = it.at.max(next);
        it.outcome(Command::MailSent(mail, MailSent::Failed));
    }
    assert_eq!(waits[..9], [0, 5, 10, 20, 40, 80, 160, 300, 300]);
    let all: u64 = waits.iter().sum();
    assert!((86_000..=86_400).contains(&all), "{all}");
}

#[test]
fn a_reset_is_accepted_once_and_the_next_one_must_wait() {
    let mut it = mfa(|_| {});
    let session = it.session("Ada", 1);
    let request = || Command::RequestReset(RequestReset { user_name: user("Ada"), url: None });
    assert_eq!(it.outcome(request()), Outcome::Done);
    let mail = it.mail();
    // The mail is sent twice. Both tokens are valid, because one of the mails may be lost.
    for number in [41, 42] {
        assert_eq!(
            it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(number)))),
            Outcome::Done
        );
    }
    it.outcome(Command::MailSent(mail, MailSent::Sent));
    let soon = Refusal::ResetCooldown(1_000_000 + 5 * MINUTE);
    assert_eq!(it.outcome(request()), Outcome::Refused(soon));
    let by_token = |number, keep_sessions| {
        Command::ResetByToken(ResetByToken {
            user_name: user("Ada"),
            token: code_hash(number),
            credential: "$new".into(),
            keep_sessions,
        })
    };
    assert_eq!(it.outcome(by_token(41, true)), Outcome::Done);
    assert!(it.realm.session(session).is_some());
    for number in [41, 42] {
        assert_eq!(
            it.outcome(by_token(number, false)),
            Outcome::Refused(Refusal::InvalidOneTimeToken)
        );
    }
    // The token of a new request invalidates the token of the previous request.
    it.wait(5 * MINUTE);
    for number in [43, 44] {
        assert_eq!(it.outcome(request()), Outcome::Done);
        let mail = it.mail();
        it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(number))));
        it.outcome(Command::MailSent(mail, MailSent::Sent));
        it.wait(5 * MINUTE);
    }
    assert_eq!(it.outcome(by_token(43, false)), Outcome::Refused(Refusal::InvalidOneTimeToken));
    assert_eq!(it.outcome(by_token(44, false)), Outcome::Done);
    assert!(it.realm.session(session).is_none());
    // A token is refused after its lifetime.
    it.outcome(request());
    let mail = it.mail();
    it.outcome(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(45))));
    it.wait(10 * MINUTE);
    assert_eq!(it.outcome(by_token(45, false)), Outcome::Refused(Refusal::InvalidOneTimeToken));
}
