//! Tests of PROOF and FACTOR in the audit rows of commands.

use serde_json::{Value, json};
use tollgate::realm::{
    AccountChecks, Applied, AuditEvent, AuthenticatedBy, Change, Command, MailSecret,
    PresentedFactor, Realm, RequestReset, ResetByToken, Row, SecondFactorInput, SyncDirectoryUser,
    Verdict,
};

use super::second_factors::{self, by_links, mfa, totp};
use crate::harness::realm::{Script, code_hash, login_command, user};

/// PROOF and FACTOR of the only audit row of a command.
fn authentication(applied: &Applied) -> [Value; 2] {
    let [row] = &applied.audit[..] else { panic!("{:?}", applied.audit) };
    let row = serde_json::to_value(&**row).unwrap();
    ["PROOF", "FACTOR"].map(|field| row[field].clone())
}

fn login(realm: &Realm, name: &str, number: u64, presented: Option<PresentedFactor>) -> Command {
    let Command::Login(mut login) = login_command(realm, name, number) else { unreachable!() };
    let (pending_login, active_code) = (Some(code_hash(number)), Some(code_hash(number + 500)));
    login.second_factor =
        SecondFactorInput { presented, pending_login, active_code, earlier: None };
    Command::Login(login)
}

fn finish(pending: u64, number: u64, presented: PresentedFactor) -> Command {
    Command::FinishLogin(second_factors::finish(pending, number, Some(presented)))
}

#[test]
fn a_login_names_password_and_authenticator_app() {
    let mut it = mfa(|_| {});
    let command = login(&it.realm, "Ada", 1, None);
    assert_eq!(authentication(&it.apply(command)), ["PASSWORD", "NONE"]);
    let first = it.realm.sessions_after(None).next().unwrap().clone();
    it.enrol(900);
    let command = login(&it.realm, "Ada", 2, None);
    assert_eq!(authentication(&it.apply(command)), [json!("PASSWORD"), Value::Null]);
    assert_eq!(
        authentication(&it.apply(finish(2, 3, totp(Some(930))))),
        ["PASSWORD", "TOTP"],
        "the factor of a completed login is missing"
    );
    let recovery = PresentedFactor::Code(code_hash(10));
    let command = login(&it.realm, "Ada", 4, Some(recovery));
    assert_eq!(authentication(&it.apply(command)), ["PASSWORD", "RECOVERY_CODE"]);
    let command = login(&it.realm, "Ada", 5, Some(totp(Some(960))));
    assert_eq!(authentication(&it.apply(command)), ["PASSWORD", "TOTP"]);
    // The factor was proved before, and is not used again.
    assert_eq!(authentication(&it.refresh(5, 6)), ["REFRESH", "NONE"]);
    // A session that an earlier version left, and that never proved a factor.
    it.realm.apply_changes(&[Change::Put(Row::Session(first))]);
    let resumed = it.refresh_with(1, 7, Some(totp(Some(990))));
    assert_eq!(authentication(&resumed), ["REFRESH", "TOTP"]);
    it.wrong("Ada");
    let applied = it.refresh(99, 100);
    assert_eq!(authentication(&applied), [Value::Null, Value::Null]);
}

#[test]
fn a_login_names_links_and_active_codes() {
    let mut it = mfa(by_links);
    let command = login(&it.realm, "Ada", 1, None);
    it.apply(command);
    let mail = it.realm.mails_due(u64::MAX).next().unwrap().no;
    it.apply(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(31))));
    let applied = it.apply(finish(1, 50, PresentedFactor::Code(code_hash(31))));
    assert_eq!(authentication(&applied), ["PASSWORD", "LINK"]);
    let active = PresentedFactor::Code(code_hash(550));
    let command = login(&it.realm, "Ada", 2, Some(active));
    assert_eq!(authentication(&it.apply(command)), ["PASSWORD", "ACTIVE_CODE"]);
}

#[test]
fn a_login_names_the_directory() {
    let mut it = Script::new(|policy| policy.directory_logins = true);
    it.apply(Command::SyncDirectoryUser(SyncDirectoryUser {
        user_name: user("Dora"),
        local: false,
        create: true,
        update: true,
        attributes: Vec::new(),
        profiles: Vec::new(),
        rights: Vec::new(),
        sync: None,
    }));
    let Command::Login(mut login) = login_command(&it.realm, "Dora", 1) else { unreachable!() };
    login.authenticated_by = AuthenticatedBy::Directory { checks: AccountChecks::Enforced };
    assert_eq!(authentication(&it.apply(Command::Login(login))), ["LDAP", "NONE"]);
}

#[test]
fn a_new_password_names_what_permitted_it() {
    let mut it = mfa(|_| {});
    let changed = it.change("Ada", Verdict::Matched, None);
    assert_eq!(authentication(&changed), [json!("PASSWORD"), Value::Null]);
    let wrong = it.change("Ada", Verdict::Wrong, None);
    assert_eq!(authentication(&wrong), [Value::Null, Value::Null]);
    it.apply(Command::RequestReset(RequestReset { user_name: user("Ada"), url: None }));
    let mail = it.realm.mails_due(u64::MAX).next().unwrap().no;
    it.apply(Command::IssueMailSecret(mail, MailSecret::Token(code_hash(1))));
    let reset = it.apply(Command::ResetByToken(ResetByToken {
        user_name: user("Ada"),
        token: code_hash(1),
        credential: "$reset".into(),
        keep_sessions: false,
    }));
    assert_eq!(authentication(&reset), [json!("RECOVERY"), Value::Null]);
}

/// Rows of the hash chain that earlier versions wrote have neither column.
#[test]
fn a_row_without_the_columns_is_read_and_written_unchanged() {
    let stored = json!({ "AT": 1, "EVENT": "EVENT_LOGIN_AUTH", "USER_NAME": "jane",
        "TARGET": "jane", "HOST": "127.0.0.1", "CODE": "OK" });
    let row: AuditEvent = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!((row.proof, row.factor), (None, None));
    assert_eq!(serde_json::to_value(&row).unwrap(), stored);
}
