//! Tests of the rules of second factors, mailed links, resets and directory users.

use tollgate::realm::{
    AccountChecks, Actor, AuthenticatedBy, Change, Command, ConfirmSecret, CreateSecret,
    EnrolmentActor, Fingerprint, FinishLogin, Key, Links, LoginClient, Mfa, MfaReason, Outcome,
    PresentedFactor, Realm, Refusal, RequestReset, RequiredFactor, Row, SecondFactorInput,
    SelfResets, SyncDirectoryUser, User,
};

use crate::harness::realm::{MINUTE, Script, code_hash, login_command, pair, user};

/// Returns a realm with TOTP and self-service resets enabled. `change` modifies its MFA policy.
pub(super) fn mfa(change: impl FnOnce(&mut Mfa)) -> Script {
    Script::new(|policy| {
        policy.mfa = Mfa { totp: true, codes_max: 5, confirm_ms: 5 * MINUTE, ..Mfa::default() };
        policy.self_reset = Some(SelfResets { timeout_ms: 10 * MINUTE, cool_ms: 5 * MINUTE });
        change(&mut policy.mfa);
    })
}

/// Requires all users to present the code of a mailed link.
pub(super) fn by_links(mfa: &mut Mfa) {
    mfa.link = Some(Links { temporary_ms: 15 * MINUTE, active_ms: 600 * MINUTE });
    mfa.link_for = vec!["*".into()];
}

pub(super) fn totp(at_secs: Option<u64>) -> PresentedFactor {
    PresentedFactor::Totp {
        checked: Some(Fingerprint::new("encrypted")),
        at_secs,
        reencrypted: None,
    }
}

/// Returns the completion of the pending login with this number.
pub(super) fn finish(pending: u64, number: u64, presented: Option<PresentedFactor>) -> FinishLogin {
    FinishLogin {
        token: code_hash(pending),
        user_name: None,
        token_hashes: pair(number),
        host: String::new(),
        client: LoginClient::default(),
        monitored: false,
        second_factor: SecondFactorInput {
            presented,
            active_code: Some(code_hash(number + 500)),
            ..SecondFactorInput::default()
        },
    }
}

impl Script {
    /// Gives Ada a TOTP secret, which the operator confirms with the code of the time `at_secs`.
    pub(super) fn enrol(&mut self, at_secs: u64) {
        let actor = EnrolmentActor::Actor(Actor::Operator);
        let (user_name, encrypted) = (Some(user("Ada")), "encrypted".into());
        let create = CreateSecret { actor: actor.clone(), user_name: user_name.clone(), encrypted };
        assert_eq!(self.outcome(Command::CreateSecret(create)), Outcome::Done);
        assert_eq!(self.confirm(actor, Some(at_secs)), Outcome::Done);
    }

    fn confirm(&mut self, actor: EnrolmentActor, at_secs: Option<u64>) -> Outcome {
        let checked = Some(Fingerprint::new("encrypted"));
        let recovery = (10..20).map(code_hash).collect();
        let user_name = Some(user("Ada"));
        self.outcome(Command::ConfirmSecret(ConfirmSecret {
            actor,
            user_name,
            checked,
            at_secs,
            recovery,
        }))
    }

    pub(super) fn login_with(
        &mut self,
        number: u64,
        presented: Option<PresentedFactor>,
    ) -> Outcome {
        let Command::Login(mut login) = login_command(&self.realm, "Ada", number) else {
            unreachable!()
        };
        login.second_factor = SecondFactorInput {
            presented,
            pending_login: Some(code_hash(number)),
            active_code: Some(code_hash(number + 500)),
            earlier: None,
        };
        self.outcome(Command::Login(login))
    }

    pub(super) fn finish(
        &mut self,
        pending: u64,
        number: u64,
        presented: Option<PresentedFactor>,
    ) -> Outcome {
        self.outcome(Command::FinishLogin(finish(pending, number, presented)))
    }

    /// Returns the number of the first queued mail.
    pub(super) fn mail(&self) -> u64 {
        self.realm.mails_due(u64::MAX).next().expect("a mail is queued").no
    }
}

pub(super) fn factor_required(reason: MfaReason, required: RequiredFactor) -> Outcome {
    Outcome::SecondFactorRequired(reason, required)
}

#[test]
fn a_code_is_accepted_once_and_then_no_earlier_code() {
    let mut it = mfa(|_| {});
    it.enrol(900);
    assert_eq!(it.login_with(1, None), factor_required(MfaReason::Required, RequiredFactor::Totp));
    for (number, at, good) in [(2, 900, false), (3, 930, true), (4, 930, false), (5, 900, false)] {
        let outcome = it.login_with(number, Some(totp(Some(at))));
        assert_eq!(matches!(outcome, Outcome::LoggedIn(_)), good, "{at}: {outcome:?}");
    }
    let Outcome::LoggedIn(no) = it.login_with(6, Some(totp(Some(960)))) else { panic!() };
    assert!(it.realm.session(no).unwrap().factor_verified);
    // A code that was checked against another secret must be checked again.
    let stale = PresentedFactor::Totp { checked: None, at_secs: Some(990), reencrypted: None };
    let refused = Outcome::Refused(Refusal::StaleCredential);
    assert_eq!(it.login_with(7, Some(stale)), refused);
}

#[test]
fn wrong_codes_end_the_pending_login_and_do_not_lock_the_password() {
    let mut it = mfa(|_| {});
    it.enrol(900);
    assert_eq!(it.login_with(1, None), factor_required(MfaReason::Required, RequiredFactor::Totp));
    for _ in 0..4 {
        let outcome = it.finish(1, 50, Some(totp(None)));
        assert_eq!(outcome, factor_required(MfaReason::Invalid, RequiredFactor::Totp));
    }
    let last = Refusal::SecondFactor(MfaReason::Invalid, RequiredFactor::Totp);
    assert_eq!(it.finish(1, 50, Some(totp(None))), Outcome::Refused(last));
    let refused = Outcome::Refused(Refusal::RefreshExpired);
    assert_eq!(it.finish(1, 50, Some(totp(Some(930)))), refused);
    assert!(matches!(it.login_with(2, Some(totp(Some(930)))), Outcome::LoggedIn(_)));
}

#[test]
fn a_hundred_wrong_codes_in_a_day_make_the_user_wait() {
    let mut it = mfa(|mfa| mfa.codes_max = 1_000);
    it.enrol(900);
    for number in 0..100 {
        let outcome = it.login_with(number, Some(totp(None)));
        assert_eq!(outcome, factor_required(MfaReason::Invalid, RequiredFactor::Totp), "{number}");
    }
    for (number, minutes) in [(200, 5), (201, 10), (202, 20), (203, 40), (204, 60), (205, 60)] {
        let until = it.at + minutes * MINUTE;
        let locked = Outcome::Refused(Refusal::Locked { until: Some(until) });
        assert_eq!(it.login_with(number, Some(totp(Some(930)))), locked);
        // Administrators see the waiting time.
        let shown = it.realm.attempts_of(&user("Ada")).unwrap().summary();
        assert_eq!((shown.wrong, shown.locked_until), (0, Some(until)));
        it.at = until;
        let wrong = it.login_with(number, Some(totp(None)));
        assert_eq!(wrong, factor_required(MfaReason::Invalid, RequiredFactor::Totp));
    }
    it.wait(60 * MINUTE);
    assert!(matches!(it.login_with(210, Some(totp(Some(86_400)))), Outcome::LoggedIn(_)));
    assert_eq!(it.realm.attempts_of(&user("Ada")), None);
}

#[test]
fn an_administrator_ends_the_waiting_time_after_wrong_codes() {
    let mut it = mfa(|mfa| mfa.codes_max = 1_000);
    it.enrol(900);
    (0..100).for_each(|number| drop(it.login_with(number, Some(totp(None)))));
    assert!(matches!(it.login_with(200, Some(totp(Some(930)))), Outcome::Refused(_)));
    let unlock = Command::SetAttempts(Actor::Operator, user("Ada"), 0);
    assert_eq!(it.outcome(unlock), Outcome::Done);
    assert!(matches!(it.login_with(201, Some(totp(Some(930)))), Outcome::LoggedIn(_)));
}

#[test]
fn each_recovery_code_is_accepted_once() {
    let mut it = mfa(|_| {});
    it.enrol(900);
    let wrong = factor_required(MfaReason::Invalid, RequiredFactor::Totp);
    assert!(matches!(
        it.login_with(1, Some(PresentedFactor::Code(code_hash(12)))),
        Outcome::LoggedIn(_)
    ));
    assert_eq!(it.login_with(2, Some(PresentedFactor::Code(code_hash(12)))), wrong);
    assert!(matches!(
        it.login_with(3, Some(PresentedFactor::Code(code_hash(13)))),
        Outcome::LoggedIn(_)
    ));
    assert_eq!(it.login_with(4, Some(PresentedFactor::Code(code_hash(99)))), wrong);
}

#[test]
fn a_pending_login_can_only_be_finished_or_enrol_a_required_factor() {
    let mut it = mfa(|mfa| mfa.totp_for = vec!["*".into()]);
    assert_eq!(it.login_with(1, None), factor_required(MfaReason::Enrol, RequiredFactor::Enrol));
    // No code is accepted before a secret exists.
    let enrol = factor_required(MfaReason::Enrol, RequiredFactor::Enrol);
    assert_eq!(it.finish(1, 50, Some(totp(Some(900)))), enrol);
    let actor = EnrolmentActor::PendingLogin(code_hash(1));
    let create = |name: Option<&str>| {
        let (actor, user_name) = (EnrolmentActor::PendingLogin(code_hash(1)), name.map(user));
        Command::CreateSecret(CreateSecret { actor, user_name, encrypted: "encrypted".into() })
    };
    let expired = Outcome::Refused(Refusal::RefreshExpired);
    assert_eq!(it.outcome(create(Some("Bob"))), expired);
    assert_eq!(it.outcome(create(None)), Outcome::Done);
    let wrong = Refusal::SecondFactor(MfaReason::Invalid, RequiredFactor::Enrol);
    assert_eq!(it.confirm(actor.clone(), None), Outcome::Refused(wrong));
    assert_eq!(it.confirm(actor, Some(900)), Outcome::Done);
    // The pending login must not replace the confirmed secret.
    assert_eq!(it.outcome(create(None)), expired);
    let Outcome::LoggedIn(no) = it.finish(1, 50, None) else { panic!() };
    assert!(it.realm.session(no).unwrap().factor_verified);
    assert_eq!(it.finish(1, 51, None), expired);
}

#[test]
fn a_secret_is_confirmed_in_time_or_not_at_all() {
    for (wait, in_time) in [(5 * MINUTE - 1, true), (5 * MINUTE, false)] {
        let mut it = mfa(|_| {});
        let actor = EnrolmentActor::Actor(Actor::Operator);
        let (user_name, encrypted) = (Some(user("Ada")), "encrypted".into());
        it.outcome(Command::CreateSecret(CreateSecret {
            actor: actor.clone(),
            user_name,
            encrypted,
        }));
        it.wait(wait);
        let late = Refusal::SecondFactor(MfaReason::Expired, RequiredFactor::Enrol);
        let expected = if in_time { Outcome::Done } else { Outcome::Refused(late) };
        assert_eq!(it.confirm(actor.clone(), Some(1_200)), expected);
        it.outcome(Command::Sweep);
        let ada = it.realm.user_by_name(&user("Ada")).unwrap().no;
        assert_eq!(it.realm.second_factor(ada).is_some(), in_time);
    }
}

#[test]
fn a_session_opened_before_enrolment_does_not_bypass_the_factor() {
    let mut it = mfa(|_| {});
    let session = it.session("Ada", 1);
    let kept = it.realm.session(session).unwrap().clone();
    it.enrol(900);
    let ended = Outcome::Refused(Refusal::RefreshExpired);
    assert_eq!(it.refresh_with(1, 5, None).outcome, ended, "enrolment left another session");
    // A session that an earlier version left.
    it.realm.apply_changes(&[Change::Put(Row::Session(kept))]);
    let mut refresh = |old: u64, new: u64, presented: Option<PresentedFactor>| {
        let mut applied = it.refresh_with(old, new, presented);
        applied.changes.clear();
        applied.outcome
    };
    let required = factor_required(MfaReason::Required, RequiredFactor::Totp);
    assert_eq!(refresh(1, 2, None), required);
    assert_eq!(refresh(1, 3, Some(totp(Some(930)))), Outcome::Refreshed(session));
    assert_eq!(refresh(3, 4, None), Outcome::Refreshed(session));
    // A session without a proved factor may not disable the second factor.
    let mut it = mfa(|_| {});
    let session = it.session("Ada", 1);
    let kept = it.realm.session(session).unwrap().clone();
    it.enrol(900);
    it.realm.apply_changes(&[Change::Put(Row::Session(kept))]);
    let off = |actor| Command::SetSecondFactor(actor, user("Ada"), false);
    let required = Refusal::SecondFactor(MfaReason::Required, RequiredFactor::Totp);
    assert_eq!(it.outcome(off(Actor::Session(session))), Outcome::Refused(required));
    let Outcome::LoggedIn(verified) = it.login_with(2, Some(totp(Some(930)))) else { panic!() };
    assert_eq!(it.outcome(off(Actor::Session(verified))), Outcome::Done);
    assert!(matches!(it.login_with(3, None), Outcome::LoggedIn(_)));
}

#[test]
fn directory_users_and_local_users_never_become_each_other() {
    let mut it = Script::new(|policy| policy.directory = true);
    let from = |name: &str| {
        Command::SyncDirectoryUser(SyncDirectoryUser {
            user_name: user(name),
            local: false,
            create: true,
            update: true,
            attributes: vec![(0, Some("Dora".into()))],
            profiles: Vec::new(),
            rights: Vec::new(),
            sync: None,
        })
    };
    assert_eq!(it.outcome(from("Ada")), Outcome::Refused(Refusal::LocalUser));
    assert_eq!(it.outcome(from("Dora")), Outcome::Done);
    assert!(
        it.apply(from("Dora")).changes.iter().all(|it| matches!(it, Change::Put(Row::Seen(..))))
    );
    let as_directory = |realm: &Realm, name: &str, number| {
        let Command::Login(mut login) = login_command(realm, name, number) else { unreachable!() };
        login.authenticated_by = AuthenticatedBy::Directory { checks: AccountChecks::Enforced };
        Command::Login(login)
    };
    let login = as_directory(&it.realm, "Ada", 1);
    assert_eq!(it.outcome(login), Outcome::Refused(Refusal::IncorrectCredentials));
    let login = as_directory(&it.realm, "Dora", 2);
    assert!(matches!(it.outcome(login), Outcome::LoggedIn(_)));
    // Without a stored password a local check never succeeds.
    assert_eq!(it.login("Dora", 3), Outcome::Refused(Refusal::IncorrectCredentials));
    let refused = Outcome::Refused(Refusal::ManagedByDirectory);
    let reset =
        tollgate::realm::ResetPassword { user_name: user("Dora"), credential: None, mailed: false };
    assert_eq!(it.outcome(Command::ResetPassword(Actor::Operator, reset)), refused);
    assert_eq!(it.outcome(Command::ExpirePassword(Actor::Operator, user("Dora"))), refused);
}

#[test]
fn a_pending_login_stores_whether_a_directory_bypasses_the_account_checks() {
    for checks in [AccountChecks::Bypassed, AccountChecks::Enforced] {
        let mut it = mfa(|_| {});
        it.enrol(900);
        let ada = it.realm.user_by_name(&user("Ada")).unwrap().clone();
        let row = Row::User(User { directory: true, credential: None, ..ada });
        it.realm.apply_changes(&[Change::Put(row)]);
        let Command::Login(mut login) = login_command(&it.realm, "Ada", 1) else { unreachable!() };
        login.second_factor.pending_login = Some(code_hash(1));
        login.authenticated_by = AuthenticatedBy::Directory { checks };
        it.outcome(Command::Login(login));
        (0..3).for_each(|_| drop(it.wrong("Ada")));
        let outcome = it.finish(1, 50, Some(totp(Some(930))));
        let is_open = matches!(outcome, Outcome::LoggedIn(_));
        assert_eq!(is_open, checks == AccountChecks::Bypassed, "{outcome:?}");
    }
}

#[test]
fn rows_that_belong_to_a_user_are_deleted_with_the_user() {
    let mut it = mfa(by_links);
    it.enrol(900);
    it.outcome(Command::RequestReset(RequestReset { user_name: user("Ada"), url: None }));
    it.login_with(1, None);
    let spec = tollgate::realm::UserSpec { name: Some(user("Ada")), ..Default::default() };
    let applied = it.apply(Command::DeleteUser(Actor::Operator, spec));
    let removed = |kind: fn(&Key) -> bool| {
        applied.changes.iter().any(|it| matches!(it, Change::Delete(key) if kind(key)))
    };
    assert!(removed(|key| matches!(key, Key::SecondFactor(_))));
    assert!(removed(|key| matches!(key, Key::SelfReset(_))));
    assert!(removed(|key| matches!(key, Key::Mail(_))));
    assert_eq!(it.realm.mails_waiting(), 0);
    let left = it.realm.rows().filter(|row| {
        matches!(
            row,
            Row::SecondFactor(..) | Row::PendingLogin(..) | Row::SelfReset(..) | Row::Mail(_)
        )
    });
    assert_eq!(left.count(), 0);
}
