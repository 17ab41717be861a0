//! The audit events of a command: actor, target, address, code and changed fields.
//!
//! The events are computed from the realm before the command and from the outcome of the command,
//! so that a replay of the command log produces the same events.

use protocol::{NackCode, UserName, to_json_value};
use serde_json::Map;

use super::before_after::BeforeAfter;
use super::subject::Subject;
use crate::realm::command::{Command, Origin, RefusalCount};
use crate::realm::model::{AuditEvent, EndReason, FieldSnapshot, Millis};
use crate::realm::outcome::{Applied, Ended, Outcome, Refusal};
use crate::realm::state::Realm;

impl Realm {
    /// Returns the audit rows of a command that was planned on this realm.
    pub(in crate::realm) fn audit(
        &self,
        at: Millis,
        command: &Command,
        origin: Option<&Origin>,
        applied: &Applied,
    ) -> Vec<AuditEvent> {
        match (command, &applied.outcome) {
            (Command::RecordRefusals(refusals), _) => {
                return refusals.iter().map(|it| refusal_event(at, it, origin)).collect();
            }
            // No audit row: the first pepper check of a store is not a change of the pepper.
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
        let Subject { actor, target } = self.subject(command);
        let code = match &applied.outcome {
            Outcome::Refused(refusal) => refusal.code().code(),
            Outcome::SecondFactorRequired(..) => NackCode::MfaFailed.code(),
            _ => "OK",
        };
        let (proof, factor) = self.authentication(command, &applied.outcome);
        let event = origin.map_or_else(|| event_without_message(command), |it| &it.event);
        let row = AuditEvent {
            user_name: actor.map(Into::into),
            target: target.map(Into::into),
            host: origin.map(|it| it.host.clone()),
            code: code.into(),
            proof,
            factor,
            reason: origin.and_then(|it| it.reason.clone()),
            ..AuditEvent::new(at, event)
        };
        match command {
            Command::AddUsers(users) => vec![counted(row, "USERS", users.len())],
            Command::Restore(rows) => vec![counted(row, "ROWS", rows.len())],
            Command::SetPolicy(set) => {
                let [old, new] = [&self.policy, &set.policy].map(to_json_value);
                vec![BeforeAfter::from_objects(old, new, row)]
            }
            _ => BeforeAfter::split_events(self.compare(&applied.changes), row),
        }
    }

    /// Returns the audit rows of sessions that the gateway ended.
    fn session_ended_events(&self, at: Millis, applied: &Applied) -> Vec<AuditEvent> {
        let row = |ended: &Ended| AuditEvent {
            target: self.user(ended.user).map(|user| user.name.as_str().into()),
            host: self.session(ended.session).map(|session| session.host.clone()),
            code: ended.reason.word().into(),
            ..AuditEvent::new(at, "SESSION_ENDED")
        };
        applied.ended.iter().map(row).collect()
    }
}

/// Returns the event of a command that the gateway or the command line submitted without a message.
fn event_without_message(command: &Command) -> &'static str {
    match command {
        Command::SetPolicy(_) => "SET_POLICY",
        Command::SetPepperCheck(_) => "SET_PASSWORD_SALT",
        Command::Bootstrap(_) => "FIRST_START",
        Command::RecoverAdministrator(_) => "ADMIN_RECOVER",
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

fn refusal_event(at: Millis, refusal_count: &RefusalCount, origin: Option<&Origin>) -> AuditEvent {
    let name = |name: &UserName| name.as_str().into();
    let times = (refusal_count.count > 1).then(|| ("TIMES".to_owned(), refusal_count.count.into()));
    let dry_run = refusal_count.dry_run.then(|| ("VALIDATE".to_owned(), true.into()));
    AuditEvent {
        user_name: refusal_count.user_name.as_ref().map(name),
        target: refusal_count.target.clone(),
        host: Some(refusal_count.host.clone()),
        code: refusal_count.code.clone(),
        reason: origin.and_then(|it| it.reason.clone()),
        after: FieldSnapshot::from_members(&times.into_iter().chain(dry_run).collect()),
        ..AuditEvent::new(at, &refusal_count.event)
    }
}

fn counted(mut row: AuditEvent, what: &str, count: usize) -> AuditEvent {
    row.after = FieldSnapshot::from_members(&Map::from_iter([(what.to_owned(), count.into())]));
    row
}
