//! Planning: decides what a command changes, without changing anything.

use std::sync::Arc;

use super::command::{Command, Origin};
use super::key::Key;
use super::model::{EntryId, Millis};
use super::outcome::{Applied, Outcome, Refusal};
use super::row::{Change, Row};
use super::state::{FORGET_MAX, Realm, SEEN_MS};

impl Realm {
    /// Plans an entry of the command log and adds its audit rows and notices. An entry that was
    /// applied before changes nothing. An entry with an earlier time than the newest applied entry
    /// is planned at the time of the newest.
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
        self.add_notices(at, command, origin, &mut applied);
        applied.changes.push(Change::Put(Row::Seen(id, at)));
        let old = self.seen_at.iter().take(FORGET_MAX).take_while(|(seen, _)| seen + SEEN_MS < at);
        applied.changes.extend(old.map(|(_, id)| Change::Delete(Key::Seen(*id))));
        applied
    }

    /// Decides what a command changes at the time `at`, without changing anything. Refuses a
    /// command that would leave no full administrator, and a command that would store a row of too
    /// many bytes: every start that applies the command again would fail.
    pub fn plan(&self, at: Millis, command: &Command) -> Applied {
        let applied = self.dispatch(at, command);
        let too_long = |change: &Change| matches!(change, Change::Put(row) if row.is_too_long());
        if applied.changes.iter().any(too_long) {
            Applied::refused(Refusal::TooLong)
        } else if keeps_administrator(command) && !self.administrator_remains(&applied.changes) {
            Applied::refused(Refusal::LastAdministrator)
        } else if !self.is_proved_recently_enough(at, command, &applied.changes) {
            Applied::refused(Refusal::ReauthenticationRequired)
        } else {
            applied
        }
    }

    fn dispatch(&self, at: Millis, command: &Command) -> Applied {
        match command {
            Command::SetPolicy(set) => self.set_policy(set),
            Command::Bootstrap(bootstrap) => self.bootstrap(at, bootstrap),
            Command::AddUsers(users) => self.add_users(at, users),
            Command::SetCredential(set) => self.set_credential(at, set),
            Command::Login(login) => self.login(at, login),
            Command::Refresh(refresh) => self.refresh(at, refresh),
            Command::End(end) => self.end(end),
            Command::ChangePassword(change) => self.change_password(at, change),
            Command::RecordSessionUse(session_uses) => self.record_session_use(at, session_uses),
            Command::Sweep => self.sweep(at),
            Command::InsertRight(actor, spec) => self.insert_right(at, actor, spec),
            Command::AmendRight(actor, spec) => self.amend_right(at, actor, spec),
            Command::InsertProfile(actor, spec) => self.insert_profile(at, actor, spec),
            Command::AmendProfile(actor, spec) => self.amend_profile(at, actor, spec),
            Command::DeleteProfile(actor, spec) => self.delete_profile(at, actor, spec),
            Command::DeleteRight(actor, code) => self.delete_right(at, actor, code),
            Command::InsertUser(actor, spec) => self.insert_user(at, actor, spec),
            Command::AmendUser(actor, event, spec) => self.amend_user(at, actor, *event, spec),
            Command::DeleteUser(actor, spec) => self.delete_user(at, actor, spec),
            Command::ResetPassword(actor, reset) => self.reset_password(at, actor, reset),
            Command::ExpirePassword(actor, name) => self.expire_password(at, actor, name),
            Command::SetAttempts(actor, name, wrong) => self.set_attempts(at, actor, name, *wrong),
            Command::Restore(rows) => self.restore(rows),
            Command::EndOtherSession(actor, session) => self.end_other_session(at, actor, *session),
            Command::EndSessionsOf(actor, name) => self.end_sessions_of(at, actor, name),
            Command::CreateOneTime(actor, token) => self.create_one_time(at, actor, *token),
            Command::SpendOneTime(spend) => self.spend_one_time(at, spend),
            Command::AmendTokenLifetimes(actor, spec) => self.amend_lifetimes(at, actor, spec),
            Command::SetPepperCheck(check) => self.set_pepper_check(check),
            Command::FinishLogin(finish) => self.finish_login(at, finish),
            Command::CreateSecret(create) => self.create_secret(at, create),
            Command::ConfirmSecret(confirm) => self.confirm_secret(at, confirm),
            Command::SetSecondFactor(by, name, on) => self.set_second_factor(at, by, name, *on),
            Command::ReencryptSecrets(reencrypted) => self.reencrypt(reencrypted),
            Command::RevokeCode(actor, no) => self.revoke_code(at, actor, *no),
            Command::RevokeCodesOf(actor, name) => self.revoke_codes_of(at, actor, name),
            Command::RequestReset(request) => self.request_reset(at, request),
            Command::ResetByToken(reset) => self.reset_by_token(at, reset),
            Command::IssueMailSecret(no, generated) => self.issue_mail_secret(at, *no, generated),
            Command::MailSent(no, outcome) => self.mail_sent(at, *no, *outcome),
            Command::SyncDirectoryUser(from) => self.sync_directory_user(at, from),
            Command::RecordRefusals(_) => Applied::done(Outcome::Done, Vec::new()),
            Command::Reauthenticate(proof) => self.reauthenticate(at, proof),
            Command::RecoverAdministrator(recovery) => self.recover_administrator(at, recovery),
        }
    }
}

/// Whether a command is refused if it leaves no full administrator. Not refused: what the operator
/// configures, restores or recovers. A directory that would take the last administrator away leaves
/// the record of the user unchanged instead.
fn keeps_administrator(command: &Command) -> bool {
    !matches!(
        command,
        Command::SetPolicy(_)
            | Command::Restore(_)
            | Command::SyncDirectoryUser(_)
            | Command::RecoverAdministrator(_)
    )
}
