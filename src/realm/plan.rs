//! Planning: what an entry would change, without changing anything.

use std::sync::Arc;

use super::command::{Command, Origin};
use super::model::{EntryId, Millis};
use super::outcome::{Applied, Outcome, Refusal};
use super::row::{Change, Key, Row};
use super::state::{FORGET_MAX, Realm, SEEN_MS};

impl Realm {
    /// Decides what an entry of the log does, repeats and time included; changes nothing.
    pub fn plan_entry(
        &self,
        id: EntryId,
        at: Millis,
        command: &Command,
        origin: Option<&Origin>,
    ) -> Applied {
        if self.seen.contains_key(&id) {
            return Applied::done(Outcome::Repeated, Vec::new());
        }
        let at = at.max(self.time());
        let mut applied = self.plan(at, command);
        let audit = self.audit(at, command, origin, &applied);
        applied.audit = audit.into_iter().map(Arc::new).collect();
        applied.changes.push(Change::Put(Row::Seen(id, at)));
        let old = self.seen_at.iter().take(FORGET_MAX).take_while(|(seen, _)| seen + SEEN_MS < at);
        applied.changes.extend(old.map(|(_, id)| Change::Delete(Key::Seen(*id))));
        applied
    }

    /// Decides what a command does at a time; changes nothing. What could not be kept is refused
    /// here: an entry of the log that no store can save would stop every start.
    pub fn plan(&self, at: Millis, command: &Command) -> Applied {
        let applied = self.dispatch(at, command);
        let too_long = |change: &Change| matches!(change, Change::Put(row) if row.is_too_long());
        if applied.changes.iter().any(too_long) {
            Applied::refused(Refusal::TooLong)
        } else {
            applied
        }
    }

    fn dispatch(&self, at: Millis, command: &Command) -> Applied {
        match command {
            Command::SetPolicy(policy) => {
                Applied::done(Outcome::Done, vec![Change::Put(Row::Policy(policy.clone()))])
            }
            Command::Bootstrap(found) => self.bootstrap(at, found),
            Command::AddUsers(users) => self.add_users(at, users),
            Command::SetCredential(set) => self.set_credential(at, set),
            Command::Login(login) => self.login(at, login),
            Command::Refresh(refresh) => self.refresh(at, refresh),
            Command::End(end) => self.end(end),
            Command::ChangePassword(change) => self.change_password(at, change),
            Command::RecordSessionUse(touched) => self.record_session_use(at, touched),
            Command::Sweep => self.sweep(at),
            Command::InsertRight(by, wanted) => self.insert_right(at, by, wanted),
            Command::InsertProfile(by, wanted) => self.insert_profile(at, by, wanted),
            Command::AmendProfile(by, wanted) => self.amend_profile(at, by, wanted),
            Command::DeleteProfile(by, wanted) => self.delete_profile(at, by, wanted),
            Command::DeleteRight(by, code) => self.delete_right(at, by, code),
            Command::InsertUser(by, wanted) => self.insert_user(at, by, wanted),
            Command::AmendUser(by, event, wanted) => self.amend_user(at, by, *event, wanted),
            Command::DeleteUser(by, wanted) => self.delete_user(at, by, wanted),
            Command::ResetPassword(by, reset) => self.reset_password(at, by, reset),
            Command::ExpirePassword(by, name) => self.expire_password(at, by, name),
            Command::SetAttempts(by, name, left) => self.set_attempts(at, by, name, *left),
            Command::Restore(rows) => self.restore(rows),
            Command::EndOtherSession(by, session) => self.end_other_session(at, by, *session),
            Command::CreateOneTime(by, token) => self.create_one_time(at, by, *token),
            Command::SpendOneTime(spend) => self.spend_one_time(at, spend),
            Command::AmendTokenLifetimes(by, wanted) => self.amend_token_lifetimes(at, by, wanted),
            Command::SetPepperCheck(check) => {
                Applied::done(Outcome::Done, vec![Change::Put(Row::PepperCheck(check.clone()))])
            }
            Command::FinishLogin(finish) => self.finish_login(at, finish),
            Command::CreateSecret(create) => self.create_secret(at, create),
            Command::ConfirmSecret(confirm) => self.confirm_secret(at, confirm),
            Command::SetSecondFactor(by, name, on) => self.set_second_factor(at, by, name, *on),
            Command::ReencryptSecrets(resealed) => self.reencrypt(resealed),
            Command::RevokeCode(by, no) => self.revoke_code(at, by, *no),
            Command::RequestReset(ask) => self.request_reset(at, ask),
            Command::ResetByToken(reset) => self.reset_by_token(at, reset),
            Command::IssueMailSecret(no, drawn) => self.issue_mail_secret(at, *no, drawn),
            Command::MailSent(no, posted) => self.mail_sent(at, *no, *posted),
            Command::SyncDirectoryUser(from) => self.sync_directory_user(at, from),
            Command::RecordRefusals(_) => Applied::done(Outcome::Done, Vec::new()),
        }
    }
}
