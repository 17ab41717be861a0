//! Tests of the notices that commands queue.

use serde_json::json;
use tollgate::realm::{
    Actor, Amendment, Applied, Change, Command, EntryId, MailKind, Notice, NoticeEvent,
    NoticeTopic, Origin, Outcome, Policy, QueuedMail, ResetPassword, Row, SetCredential, UserSpec,
    Verdict,
};

use super::second_factors::mfa;
use crate::harness::realm::{Script, login_command, user};

const ADDRESS: &str = "jane@example.org";

fn notices(applied: &Applied) -> Vec<Notice> {
    let notice = |change: &Change| match change {
        Change::Put(Row::Mail(QueuedMail { kind: MailKind::Notice(notice), .. })) => {
            Some(notice.clone())
        }
        _ => None,
    };
    applied.changes.iter().filter_map(notice).collect()
}

/// What the notices of a command are about. They are all sent to the address before the command.
fn events(applied: &Applied) -> Vec<NoticeEvent> {
    let found = notices(applied);
    assert!(found.iter().all(|notice| &*notice.to == ADDRESS), "{found:?}");
    found.iter().map(|notice| notice.event).collect()
}

fn with_topics(topics: &'static [NoticeTopic]) -> Script {
    let mut it = mfa(|_| {});
    let policy = Policy { notices: topics.to_vec(), ..it.realm.policy().clone() };
    it.apply(Command::SetPolicy(policy.into()));
    it
}

fn address(text: Option<&str>) -> Command {
    let attributes = vec![(2, text.map(Into::into))];
    let spec = UserSpec { name: Some(user("Ada")), attributes, ..UserSpec::default() };
    Command::AmendUser(Actor::Operator, Amendment::Record, spec)
}

fn reset(name: &str) -> Command {
    let reset =
        ResetPassword { user_name: user(name), credential: Some("$once".into()), mailed: false };
    Command::ResetPassword(Actor::Operator, reset)
}

#[test]
fn each_change_of_an_account_queues_its_notice() {
    let mut it = with_topics(&NoticeTopic::ALL);
    let command = login_command(&it.realm, "Ada", 1);
    assert_eq!(events(&it.apply(command)), []);
    it.enrol(900);
    // The notice of the confirmation is among the queued mails.
    let queued: Vec<_> = it.realm.mails_due(u64::MAX).cloned().collect();
    assert_eq!(queued.len(), 1, "{queued:?}");
    let factor = |on| Command::SetSecondFactor(Actor::Operator, user("Ada"), on);
    assert_eq!(events(&it.apply(factor(false))), [NoticeEvent::FactorRemoved]);
    assert_eq!(events(&it.apply(factor(false))), []);
    assert_eq!(events(&it.apply(factor(true))), [NoticeEvent::FactorAdded]);
    // Without the factor, the change of the password needs no code.
    assert_eq!(events(&it.apply(factor(false))), [NoticeEvent::FactorRemoved]);
    let wrong = it.change("Ada", Verdict::Wrong, None);
    assert_eq!(events(&wrong), []);
    let changed = it.change("Ada", Verdict::Matched, None);
    assert_eq!(events(&changed), [NoticeEvent::PasswordChanged]);
    assert_eq!(events(&it.apply(reset("Ada"))), [NoticeEvent::PasswordReset]);
    let set = SetCredential { user_name: user("Ada"), credential: "$set".into() };
    assert_eq!(events(&it.apply(Command::SetCredential(set))), [NoticeEvent::PasswordReset]);
    assert_eq!(events(&it.apply(address(Some(ADDRESS)))), []);
    assert_eq!(events(&it.apply(address(Some("new@example.org")))), [NoticeEvent::AddressChanged]);
    // Each mail has its own number.
    let numbers: std::collections::BTreeSet<_> =
        it.realm.mails_due(u64::MAX).map(|mail| mail.no).collect();
    assert_eq!(numbers.len(), 8);
}

#[test]
fn a_notice_has_time_and_address_of_the_client() {
    let mut it = with_topics(&[NoticeTopic::AddressChanged]);
    let origin = Origin { event: "E".into(), host: "203.0.113.9".into(), reason: None };
    let amend = address(None);
    let applied = it.realm.plan_entry(EntryId(77), it.at, &amend, Some(&origin));
    let [notice] = &notices(&applied)[..] else { panic!("{applied:?}") };
    assert_eq!((notice.at, notice.host.as_deref()), (it.at, Some("203.0.113.9")));
    // The other topics are not in the policy.
    assert_eq!(events(&it.apply(reset("Ada"))), []);
}

#[test]
fn without_topics_or_an_address_nothing_is_queued() {
    let mut it = with_topics(&[]);
    assert_eq!(events(&it.apply(reset("Ada"))), []);
    let mut it = with_topics(&NoticeTopic::ALL);
    it.apply(address(None));
    assert_eq!(events(&it.apply(reset("Ada"))), []);
}

#[test]
fn a_full_queue_refuses_no_change() {
    let mut it = with_topics(&NoticeTopic::ALL);
    let mut queued = 0;
    for _ in 0..30 {
        let applied = it.apply(reset("Ada"));
        assert!(matches!(applied.outcome, Outcome::User(_)), "{applied:?}");
        queued += notices(&applied).len();
    }
    assert_eq!(queued, 20);
    assert_eq!(events(&it.apply(reset("Bob"))), [NoticeEvent::PasswordReset]);
}

#[test]
fn queued_mails_of_earlier_versions_are_read() {
    let stored = json!({ "no": 1, "user": 2, "kind": "OneTimePassword", "made": 3, "due": 4 });
    let mail: QueuedMail = serde_json::from_value(stored).unwrap();
    assert_eq!(mail.kind, MailKind::OneTimePassword);
    // The policy of an earlier version has no notices.
    let policy: Policy = serde_json::from_value(json!({})).unwrap();
    assert!(policy.notices.is_empty());
}

/// The first place of a user, a known place and a place without a topic queue no notice.
#[test]
fn a_login_from_a_new_place_queues_a_notice() {
    let mut it = with_topics(&NoticeTopic::ALL);
    let mut login_from = |network: &str, number: u64| {
        let Command::Login(mut login) = login_command(&it.realm, "Ada", number) else {
            panic!("not a login")
        };
        login.client.network = network.into();
        events(&it.apply(Command::Login(login)))
    };
    assert_eq!(login_from("203.0.113.7", 1), []);
    assert_eq!(login_from("203.0.113.7", 2), []);
    assert_eq!(login_from("198.51.100.9", 3), [NoticeEvent::NewPlace]);
    assert_eq!(login_from("198.51.100.9", 4), []);
}
