//! Audit: who did what, from where, and what it was before and after. Made of the realm before a
//! command and of what the command came to, so that a replay makes the same.

use protocol::NackCode;
use serde_json::Map;

use super::before_after::BeforeAfter;
use crate::realm::command::{
    Command, ConfirmSecret, CreateSecret, EnrolmentActor, Origin, ProfileSpec, RefusalCount,
    SpendOneTime, UserSpec,
};
use crate::realm::model::{Actor, AuditEvent, EndReason, FieldSnapshot, Millis, SessionNo};
use crate::realm::outcome::{Applied, Ended, Outcome, Refusal};
use crate::realm::state::Realm;
impl Realm {
    /// The audit rows of a command that was planned on this realm.
    pub(in crate::realm) fn audit(
        &self,
        at: Millis,
        command: &Command,
        origin: Option<&Origin>,
        applied: &Applied,
    ) -> Vec<AuditEvent> {
        match (command, &applied.outcome) {
            (Command::RecordRefusals(noted), _) => {
                return noted.iter().map(|it| refusal_event(at, it, origin)).collect();
            }
            // The first one replaces nothing.
            (Command::SetPepperCheck(_), _) if self.pepper_check.is_none() => return Vec::new(),
            (Command::RecordSessionUse(_) | Command::MailSent(..), _)
            | (_, Outcome::Repeated | Outcome::EndedSessions(0))
            | (_, Outcome::Refused(Refusal::StaleCredential)) => return Vec::new(),
            (Command::Sweep, _) => return self.session_ended_events(at, applied),
            (Command::End(end), Outcome::EndedSessions(_)) if end.reason != EndReason::Logout => {
                return self.session_ended_events(at, applied);
            }
            _ => {}
        }
        let (user_name, target) = self.subject(command);
        let code = match &applied.outcome {
            Outcome::Refused(refusal) => refusal.code().code(),
            Outcome::SecondFactorRequired(..) => NackCode::MfaFailed.code(),
            _ => "OK",
        };
        let row = AuditEvent {
            at,
            event: origin
                .map_or_else(|| event_without_message(command).into(), |it| it.event.clone()),
            user_name: user_name.map(Into::into),
            target: target.map(Into::into),
            host: origin.map(|it| it.host.clone()),
            code: code.into(),
            reason: origin.and_then(|it| it.reason.clone()),
            before: FieldSnapshot::default(),
            after: FieldSnapshot::default(),
        };
        match command {
            Command::AddUsers(users) => vec![counted(row, "USERS", users.len())],
            Command::Restore(rows) => vec![counted(row, "ROWS", rows.len())],
            Command::SetPolicy(policy) => {
                let [old, new] = [&self.policy, policy].map(serde_json::to_value);
                vec![BeforeAfter::from_objects(old.ok(), new.ok(), row)]
            }
            _ => BeforeAfter::split_events(self.compare(&applied.changes), row),
        }
    }

    /// Sessions that the gateway ended.
    fn session_ended_events(&self, at: Millis, applied: &Applied) -> Vec<AuditEvent> {
        let row = |ended: &Ended| AuditEvent {
            at,
            event: "SESSION_ENDED".into(),
            user_name: None,
            target: self.user(ended.user).map(|user| user.name.as_str().into()),
            host: self.session(ended.session).map(|session| session.host.clone()),
            code: ended.reason.word().into(),
            reason: None,
            before: FieldSnapshot::default(),
            after: FieldSnapshot::default(),
        };
        applied.ended.iter().map(row).collect()
    }

    fn session_user_name(&self, session: SessionNo) -> Option<String> {
        let user = self.user(self.session(session)?.user)?;
        Some(user.name.to_string())
    }

    /// Whose one-time token is spent.
    fn one_time_token_user_name(&self, spend: &SpendOneTime) -> Option<String> {
        self.one_time_token_user(&spend.token).map(|user| user.name.to_string())
    }

    fn profile_meant(&self, spec: &ProfileSpec) -> Option<String> {
        let known = self.find_profile(spec).ok().map(|it| it.name.to_string());
        known.or_else(|| named(&spec.name, &spec.id))
    }

    fn user_meant(&self, spec: &UserSpec) -> Option<String> {
        let known = self.find_user(spec).ok().map(|it| it.name.to_string());
        known.or_else(|| named(&spec.name, &spec.id))
    }

    /// Who commands, and about whom or what.
    fn subject(&self, command: &Command) -> (Option<String>, Option<String>) {
        let whose = |no| self.session_user_name(no);
        let actor = |by: &Actor| match by {
            Actor::Session(no) => whose(*no),
            Actor::Operator => None,
        };
        let name = |name: &dyn std::fmt::Display| Some(name.to_string());
        match command {
            Command::Login(it) => (name(&it.user_name), name(&it.user_name)),
            Command::Refresh(it) => {
                let user = self.user_by_refresh(&it.presented);
                (user.and_then(|user| name(&user.name)), user.and_then(|user| name(&user.name)))
            }
            Command::End(it) => (whose(it.session), whose(it.session)),
            Command::EndOtherSession(who, session) => (actor(who), whose(*session)),
            Command::ChangePassword(it) => {
                let who = it.actor.as_ref().map_or_else(|| name(&it.user_name), actor);
                (who, name(&it.user_name))
            }
            Command::InsertRight(who, it) => (actor(who), name(&it.code)),
            Command::DeleteRight(who, code) => (actor(who), name(code)),
            Command::InsertProfile(who, it)
            | Command::AmendProfile(who, it)
            | Command::DeleteProfile(who, it) => (actor(who), self.profile_meant(it)),
            Command::InsertUser(who, it)
            | Command::AmendUser(who, _, it)
            | Command::DeleteUser(who, it) => (actor(who), self.user_meant(it)),
            Command::ResetPassword(who, it) => (actor(who), name(&it.user_name)),
            Command::CreateOneTime(who, _) => (actor(who), actor(who)),
            Command::SpendOneTime(it) => {
                (it.actor.as_ref().and_then(actor), self.one_time_token_user_name(it))
            }
            Command::AmendTokenLifetimes(who, _) => (actor(who), None),
            Command::ExpirePassword(who, it) | Command::SetAttempts(who, it, _) => {
                (actor(who), name(it))
            }
            Command::SetCredential(it) => (None, name(&it.user_name)),
            Command::AddUsers(users) => match &users[..] {
                [one] => (None, name(&one.name)),
                _ => (None, None),
            },
            Command::Bootstrap(it) => {
                (None, it.administrator.as_ref().and_then(|it| name(&it.name)))
            }
            command => self.second_factor_subject(command),
        }
    }

    /// The same of commands about second factors, mails and directories; all others are about
    /// nobody.
    fn second_factor_subject(&self, command: &Command) -> (Option<String>, Option<String>) {
        let actor = |by: &Actor| match by {
            Actor::Session(no) => self.session_user_name(*no),
            Actor::Operator => None,
        };
        let name = |name: &dyn std::fmt::Display| Some(name.to_string());
        match command {
            Command::FinishLogin(it) => {
                let user = self.user_by_pending_login(&it.token).and_then(|user| name(&user.name));
                (user.clone(), user)
            }
            Command::CreateSecret(CreateSecret { actor: who, user_name, .. })
            | Command::ConfirmSecret(ConfirmSecret { actor: who, user_name, .. }) => {
                let who = match who {
                    EnrolmentActor::Actor(who) => actor(who),
                    EnrolmentActor::PendingLogin(pending) => {
                        self.user_by_pending_login(pending).and_then(|user| name(&user.name))
                    }
                };
                (who.clone(), user_name.as_ref().map(ToString::to_string).or(who))
            }
            Command::SetSecondFactor(who, it, _) => (actor(who), name(it)),
            Command::RevokeCode(who, no) => {
                let code = self.active_code_at(*no);
                let user = code.and_then(|code| self.user(code.user));
                (actor(who), user.and_then(|user| name(&user.name)))
            }
            Command::RequestReset(it) => (None, name(&it.user_name)),
            Command::ResetByToken(it) => (name(&it.user_name), name(&it.user_name)),
            Command::IssueMailSecret(no, _) => {
                let mail = self.mails.get(no).and_then(|mail| self.user(mail.user));
                (None, mail.and_then(|user| name(&user.name)))
            }
            Command::SyncDirectoryUser(it) => (None, name(&it.user_name)),
            _ => (None, None),
        }
    }
}

/// What a message calls a record that the realm does not know.
fn named(name: &Option<impl ToString>, id: &Option<String>) -> Option<String> {
    name.as_ref().map(ToString::to_string).or_else(|| id.clone())
}

/// What the gateway or the command line does without a message.
fn event_without_message(command: &Command) -> &'static str {
    match command {
        Command::SetPolicy(_) => "SET_POLICY",
        Command::SetPepperCheck(_) => "SET_PASSWORD_SALT",
        Command::Bootstrap(_) => "FIRST_START",
        Command::AddUsers(_) => "USER_ADD",
        Command::SetCredential(_) => "USER_PASSWD",
        Command::Restore(_) => "IMPORT",
        Command::End(_) | Command::Sweep => "SESSION_ENDED",
        Command::RequestReset(_) => "EVENT_SELF_SERVICE_PASSWORD_RESET",
        Command::IssueMailSecret(..) => "MAIL",
        Command::ReencryptSecrets(_) => "REKEY",
        _ => "OPERATOR",
    }
}

fn refusal_event(at: Millis, noted: &RefusalCount, origin: Option<&Origin>) -> AuditEvent {
    let row = AuditEvent {
        at,
        event: noted.event.clone(),
        user_name: noted.user_name.as_ref().map(|name| name.as_str().into()),
        target: None,
        host: Some(noted.host.clone()),
        code: noted.code.clone(),
        reason: origin.and_then(|it| it.reason.clone()),
        before: FieldSnapshot::default(),
        after: FieldSnapshot::default(),
    };
    if noted.count > 1 { counted(row, "TIMES", noted.count as usize) } else { row }
}

fn counted(mut row: AuditEvent, what: &str, count: usize) -> AuditEvent {
    row.after = FieldSnapshot::from_members(&Map::from_iter([(what.to_owned(), count.into())]));
    row
}
