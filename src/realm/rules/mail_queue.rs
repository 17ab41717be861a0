//! The mail queue: mails to send, stored as rows.
//!
//! A restart loses no mail. While the mail server is unavailable, mails wait for up to a day. A row
//! contains the recipient and the kind of the mail; secrets are generated when the mail is sent.

use super::change_set::ChangeSet;
use crate::realm::command::{MailSecret, MailSent};
use crate::realm::key::Key;
use crate::realm::model::{MailKind, Millis, QueuedMail, User, UserNo, UserStatus};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of queued mails; further mails are not queued.
const MAILS_MAX: usize = 10_000;
/// Time between the first and the second send attempt. The time doubles with each further attempt.
const FIRST_WAIT_MS: Millis = 5_000;
/// Maximum time between two send attempts.
const LAST_WAIT_MS: Millis = 300_000;
/// Maximum age of a queued mail: the queue gives up a mail that would reach this age before
/// its next send attempt.
const GIVEN_UP_MS: Millis = 24 * 3_600_000;

impl Realm {
    /// Returns the mails that are due; the mail that has been due for the longest time is the
    /// first.
    pub fn mails_due(&self, at: Millis) -> impl Iterator<Item = &QueuedMail> {
        let due = self.mails_by_due.range(..=(at, u64::MAX));
        due.filter_map(|(_, no)| self.mails.get(no))
    }

    /// Returns when the next mail is due; `None` if the queue is empty.
    pub fn next_mail(&self) -> Option<Millis> {
        self.mails_by_due.first().map(|(due, _)| *due)
    }

    /// Returns the number of queued mails.
    pub fn mails_waiting(&self) -> usize {
        self.mails.len()
    }

    pub(super) fn mails_of(&self, user: UserNo) -> impl Iterator<Item = &QueuedMail> {
        self.mails.values().filter(move |mail| mail.user == user)
    }

    /// Queues a mail. Returns false if the queue is full. If the user has a queued mail of the same
    /// kind without send attempts and without a secret, that mail is updated instead.
    pub(super) fn queue_mail(
        &self,
        at: Millis,
        due: Millis,
        user: &User,
        kind: MailKind,
        change_set: &mut ChangeSet,
    ) -> bool {
        let (epoch, user) = (user.proof_epoch, user.no);
        let alike = |mail: &&QueuedMail| {
            mail.send_attempts == 0
                && !mail.secret_issued
                && mail.epoch == epoch
                && std::mem::discriminant(&mail.kind) == std::mem::discriminant(&kind)
        };
        if let Some(waiting) = self.mails_of(user).find(alike) {
            change_set.put(Row::Mail(QueuedMail { kind, ..waiting.clone() }));
            return true;
        }
        if self.mails.len() >= MAILS_MAX {
            return false;
        }
        let counters = change_set.counters(self);
        counters.mails += 1;
        let no = counters.mails;
        change_set.put(Row::Mail(QueuedMail {
            no,
            user,
            kind,
            made: at,
            due,
            send_attempts: 0,
            secret_issued: false,
            epoch,
        }));
        true
    }

    /// Stores the hash of the secret that was generated for a mail, before the mail is sent. The
    /// secret is valid from then on. Refused if the mail is obsolete, e.g. because the pending
    /// login expired.
    pub(in crate::realm) fn issue_mail_secret(
        &self,
        at: Millis,
        no: u64,
        generated: &MailSecret,
    ) -> Applied {
        let plan = || {
            let mail = self.mails.get(&no).ok_or(Refusal::InvalidOneTimeToken)?;
            let user = self.user(mail.user).filter(|user| user.proof_epoch == mail.epoch);
            let user = user.ok_or(Refusal::InvalidOneTimeToken)?;
            let mut changes = match (&mail.kind, generated) {
                (MailKind::Link(pending), MailSecret::Token(hash)) => {
                    self.issue_link_code(at, *pending, *hash)?
                }
                (MailKind::Reset(_), MailSecret::Token(hash)) => {
                    self.issue_reset_token(at, user, no, *hash)?
                }
                (MailKind::OneTimePassword, MailSecret::Password(credential)) => {
                    if user.status != UserStatus::PasswordReset {
                        return Err(Refusal::InvalidOneTimeToken);
                    }
                    let credential = Some(credential.clone());
                    let user = User { credential, credential_at: at, ..user.clone() };
                    vec![Change::Put(Row::User(user))]
                }
                _ => return Err(Refusal::InvalidOneTimeToken),
            };
            changes
                .push(Change::Put(Row::Mail(QueuedMail { secret_issued: true, ..mail.clone() })));
            Ok(Applied::done(Outcome::Done, changes))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Records a send attempt: deletes a mail that was sent, dropped or given up, or schedules the
    /// next attempt.
    pub(in crate::realm) fn mail_sent(&self, at: Millis, no: u64, outcome: MailSent) -> Applied {
        let Some(mail) = self.mails.get(&no) else {
            return Applied::done(Outcome::Done, Vec::new());
        };
        let wait = FIRST_WAIT_MS << mail.send_attempts.min(16);
        let due = at.saturating_add(wait.min(LAST_WAIT_MS));
        let given_up = due >= mail.made.saturating_add(GIVEN_UP_MS);
        let change = match outcome {
            MailSent::Failed if !given_up => Change::Put(Row::Mail(QueuedMail {
                due,
                send_attempts: mail.send_attempts + 1,
                ..mail.clone()
            })),
            MailSent::Sent | MailSent::Failed | MailSent::Dropped => Change::Delete(Key::Mail(no)),
        };
        Applied::done(Outcome::Done, vec![change])
    }
}
