//! Notices: mails to users about changes of their accounts.
//!
//! The notices of a command are computed from the realm before it and from its changes, and are
//! queued by the same entry. The policy of a command log without notices has no topics, so that
//! nothing is queued when it is applied again.

use crate::realm::command::{Command, Origin};
use crate::realm::key::Key;
use crate::realm::model::{
    MailKind, Millis, Notice, NoticeEvent, QueuedMail, SecondFactor, User, UserNo, UserPlaces,
};
use crate::realm::outcome::{Applied, Outcome};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of queued mails up to which notices are queued. The rest of the mail queue is
/// kept for other mails.
const MAILS_MAX: usize = 5_000;
/// Maximum number of queued mails of one user up to which notices are queued.
const USER_MAILS_MAX: usize = 20;

impl Realm {
    /// Queues the notices of a command that was planned on this realm. A full queue or a user
    /// without a mail address changes nothing else about the command.
    pub(in crate::realm) fn add_notices(
        &self,
        at: Millis,
        command: &Command,
        origin: Option<&Origin>,
        applied: &mut Applied,
    ) {
        if self.policy.notices.is_empty() || matches!(applied.outcome, Outcome::Refused(_)) {
            return;
        }
        let host = origin.map(|it| &*it.host);
        for (user, event) in self.notice_events(at, command, &applied.changes) {
            self.queue_notice(at, user, event, host, applied);
        }
    }

    /// Queues one notice to the address that the user has before the command, if the policy has the
    /// topic of the event.
    pub(super) fn queue_notice(
        &self,
        at: Millis,
        user: UserNo,
        event: NoticeEvent,
        host: Option<&str>,
        applied: &mut Applied,
    ) {
        let to = self.user(user).and_then(User::mail_address);
        let Some(to) = to.filter(|_| self.policy.notices.contains(&event.topic())) else { return };
        let is_full = self.mails.len() >= MAILS_MAX || {
            let waiting = self.mails_of(user).take(USER_MAILS_MAX);
            waiting.count() == USER_MAILS_MAX
        };
        let notice = Notice { event, at, host: host.map(Into::into), to: to.into() };
        let mail = |no| QueuedMail {
            no,
            user,
            kind: MailKind::Notice(notice.clone()),
            made: at,
            due: at,
            send_attempts: 0,
            secret_issued: false,
            // A notice proves nothing: no event voids it.
            epoch: 0,
        };
        if !is_full && !Row::Mail(mail(u64::MAX)).is_too_long() {
            let no = self.next_mail_no(&mut applied.changes);
            applied.changes.push(Change::Put(Row::Mail(mail(no))));
        }
    }

    /// Issues the number of a mail, after the numbers that the changes issued already.
    fn next_mail_no(&self, changes: &mut Vec<Change>) -> u64 {
        let newest = changes.iter_mut().rev().find_map(|change| match change {
            Change::Put(Row::Counters(counters)) => Some(counters),
            _ => None,
        });
        if let Some(counters) = newest {
            counters.mails += 1;
            return counters.mails;
        }
        let mut counters = self.counters.clone();
        counters.mails += 1;
        let no = counters.mails;
        changes.push(Change::Put(Row::Counters(counters)));
        no
    }

    /// Returns what an accepted command did to accounts that existed before it.
    fn notice_events(
        &self,
        at: Millis,
        command: &Command,
        changes: &[Change],
    ) -> Vec<(UserNo, NoticeEvent)> {
        let named = |name, event| self.user_by_name(name).map(|user| (user.no, event));
        let mut events: Vec<_> = match command {
            Command::Restore(_) | Command::DeleteUser(..) => return Vec::new(),
            Command::ChangePassword(it) => named(&it.user_name, NoticeEvent::PasswordChanged),
            Command::ResetByToken(it) => named(&it.user_name, NoticeEvent::PasswordReset),
            Command::ResetPassword(_, it) => named(&it.user_name, NoticeEvent::PasswordReset),
            Command::SetCredential(it) => named(&it.user_name, NoticeEvent::PasswordReset),
            Command::RecoverAdministrator(it) => named(&it.user_name, NoticeEvent::PasswordReset),
            _ => None,
        }
        .into_iter()
        .collect();
        let is_confirmed = matches!(command, Command::ConfirmSecret(_));
        events.extend(changes.iter().filter_map(|change| match change {
            Change::Put(Row::User(new)) => {
                let old = self.user(new.no)?;
                let is_changed = old.mail_address() != new.mail_address();
                is_changed.then_some((new.no, NoticeEvent::AddressChanged))
            }
            Change::Put(Row::SecondFactor(user, new)) => {
                self.factor_event(*user, is_in_force(new), is_confirmed).map(|it| (*user, it))
            }
            Change::Put(Row::Places(user, new)) => {
                let is_new = self.is_new_place(at, *user, new);
                is_new.then_some((*user, NoticeEvent::NewPlace))
            }
            Change::Delete(Key::SecondFactor(user)) => {
                self.factor_event(*user, false, false).map(|it| (*user, it))
            }
            _ => None,
        }));
        events
    }

    /// Whether the newest of these places is one where the user did not log in recently. The first
    /// place of a user is not new.
    fn is_new_place(&self, at: Millis, user: UserNo, places: &UserPlaces) -> bool {
        let known = self.places.get(&user);
        let is_unknown = |network: &str| known.is_some_and(|it| it.find(at, network).is_none());
        places.newest().is_some_and(|place| is_unknown(&place.network))
    }

    /// Returns what a change did to the second factor of a user: `is_now` is whether logins require
    /// it after the change, `is_confirmed` whether the command confirmed a secret.
    fn factor_event(&self, user: UserNo, is_now: bool, is_confirmed: bool) -> Option<NoticeEvent> {
        let was = self.second_factor(user).is_some_and(is_in_force);
        match (was, is_now) {
            (true, false) => Some(NoticeEvent::FactorRemoved),
            (false, true) => Some(NoticeEvent::FactorAdded),
            (true, true) if is_confirmed => Some(NoticeEvent::FactorAdded),
            _ => None,
        }
    }
}

/// Whether logins of the user require the factor.
fn is_in_force(factor: &SecondFactor) -> bool {
    factor.enabled && factor.confirmed.is_some()
}
