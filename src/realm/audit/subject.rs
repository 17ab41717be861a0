//! The subject of a command: its actor and its target.

use protocol::UserName;

use crate::realm::command::{
    ChangePassword, Command, EnrolmentActor, NewUser, ProfileSpec, SpendOneTime, UserSpec,
};
use crate::realm::model::{Actor, SessionNo, TokenHash, User};
use crate::realm::state::Realm;

/// The names of the actor and of the target of a command. A name is `None` if the command has no
/// actor (or target). It is also `None` if the realm does not contain the session, token, code or
/// mail that identifies the user.
pub(super) struct Subject {
    pub(super) actor: Option<String>,
    pub(super) target: Option<String>,
}

impl Subject {
    fn new(actor: Option<String>, target: Option<String>) -> Self {
        Self { actor, target }
    }

    /// Returns the subject of a command with which a user acts on their own account.
    fn own(user: Option<String>) -> Self {
        Self { actor: user.clone(), target: user }
    }

    /// Returns the subject of a command without an actor: the gateway, the command line or a client
    /// without a session submitted it.
    fn target_only(target: Option<String>) -> Self {
        Self { actor: None, target }
    }
}

impl Realm {
    /// Returns the name of the user or record that a command is about, given the realm before the
    /// command.
    pub fn target_name(&self, command: &Command) -> Option<String> {
        self.subject(command).target
    }

    /// Returns the subject of a command, given the realm before the command.
    pub(super) fn subject(&self, command: &Command) -> Subject {
        let by = |actor: &Actor, target| Subject::new(self.actor_name(actor), target);
        match command {
            Command::Login(it) => Subject::own(name(&it.user_name)),
            Command::Refresh(it) => Subject::own(user_name(self.user_by_refresh(&it.presented))),
            Command::FinishLogin(it) => Subject::own(self.pending_login_user_name(&it.token)),
            Command::Reauthenticate(it) => Subject::own(self.session_user_name(it.session)),
            Command::End(it) => Subject::own(self.session_user_name(it.session)),
            Command::EndOtherSession(actor, it) => by(actor, self.session_user_name(*it)),
            Command::ChangePassword(it) => self.password_change_subject(it),
            Command::ResetByToken(it) => Subject::own(name(&it.user_name)),
            Command::InsertRight(actor, it) => by(actor, name(&it.code)),
            Command::AmendRight(actor, it) => by(actor, name(&it.code)),
            Command::DeleteRight(actor, code) => by(actor, name(code)),
            Command::InsertProfile(actor, it)
            | Command::AmendProfile(actor, it)
            | Command::DeleteProfile(actor, it) => by(actor, self.target_profile_name(it)),
            Command::InsertUser(actor, it)
            | Command::AmendUser(actor, _, it)
            | Command::DeleteUser(actor, it) => by(actor, self.target_user_name(it)),
            Command::ResetPassword(actor, it) => by(actor, name(&it.user_name)),
            Command::EndSessionsOf(actor, it)
            | Command::RevokeCodesOf(actor, it)
            | Command::ExpirePassword(actor, it)
            | Command::SetAttempts(actor, it, _)
            | Command::SetSecondFactor(actor, it, _) => by(actor, name(it)),
            Command::CreateSecret(it) => self.enrolment_subject(&it.actor, it.user_name.as_ref()),
            Command::ConfirmSecret(it) => self.enrolment_subject(&it.actor, it.user_name.as_ref()),
            Command::RevokeCode(actor, no) => by(actor, self.code_user_name(*no)),
            Command::CreateOneTime(actor, _) => Subject::own(self.actor_name(actor)),
            Command::SpendOneTime(it) => self.one_time_token_subject(it),
            Command::AmendTokenLifetimes(actor, _) => by(actor, None),
            Command::SetCredential(it) => Subject::target_only(name(&it.user_name)),
            Command::RequestReset(it) => Subject::target_only(name(&it.user_name)),
            Command::SyncDirectoryUser(it) => Subject::target_only(name(&it.user_name)),
            Command::IssueMailSecret(no, _) => Subject::target_only(self.mail_user_name(*no)),
            Command::AddUsers(users) => Subject::target_only(only_name(users)),
            Command::RecoverAdministrator(it) => Subject::target_only(name(&it.user_name)),
            Command::Bootstrap(it) => {
                Subject::target_only(it.administrator.as_ref().and_then(|it| name(&it.name)))
            }
            Command::SetPolicy(_)
            | Command::SetPepperCheck(_)
            | Command::Restore(_)
            | Command::ReencryptSecrets(_)
            | Command::Sweep
            | Command::MailSent(..)
            | Command::RecordSessionUse(_)
            | Command::RecordRefusals(_) => Subject::target_only(None),
        }
    }

    fn actor_name(&self, actor: &Actor) -> Option<String> {
        match actor {
            Actor::Session(no) => self.session_user_name(*no),
            Actor::Operator => None,
        }
    }

    fn session_user_name(&self, session: SessionNo) -> Option<String> {
        user_name(self.user(self.session(session)?.user))
    }

    fn password_change_subject(&self, change: &ChangePassword) -> Subject {
        let own = name(&change.user_name);
        match &change.actor {
            Some(actor) => Subject::new(self.actor_name(actor), own),
            None => Subject::own(own),
        }
    }

    fn one_time_token_subject(&self, spend: &SpendOneTime) -> Subject {
        let actor = spend.actor.as_ref().and_then(|actor| self.actor_name(actor));
        Subject::new(actor, user_name(self.one_time_token_user(&spend.token)))
    }

    fn pending_login_user_name(&self, token: &TokenHash) -> Option<String> {
        user_name(self.user_by_pending_login(token))
    }

    fn enrolment_subject(&self, actor: &EnrolmentActor, target: Option<&UserName>) -> Subject {
        let actor = match actor {
            EnrolmentActor::Actor(actor) => self.actor_name(actor),
            EnrolmentActor::PendingLogin(token) => self.pending_login_user_name(token),
        };
        let target = target.map_or_else(|| actor.clone(), name);
        Subject::new(actor, target)
    }

    fn code_user_name(&self, no: u64) -> Option<String> {
        user_name(self.user(self.active_code_at(no)?.user))
    }

    fn mail_user_name(&self, no: u64) -> Option<String> {
        user_name(self.user(self.mails.get(&no)?.user))
    }

    fn target_profile_name(&self, spec: &ProfileSpec) -> Option<String> {
        let known = self.find_profile(spec).ok().map(|it| it.name.to_string());
        known.or_else(|| name_or_id(&spec.name, &spec.id))
    }

    fn target_user_name(&self, spec: &UserSpec) -> Option<String> {
        let known = self.find_user(spec).ok().map(|it| it.name.to_string());
        known.or_else(|| name_or_id(&spec.name, &spec.id))
    }
}

fn name(name: &impl ToString) -> Option<String> {
    Some(name.to_string())
}

fn user_name(user: Option<&User>) -> Option<String> {
    user.map(|user| user.name.to_string())
}

/// Returns the name of the only user in the list; `None` if the list has several users or none.
fn only_name(users: &[NewUser]) -> Option<String> {
    match users {
        [one] => name(&one.name),
        _ => None,
    }
}

/// Returns the name, or else the id, by which a message named an unknown record.
fn name_or_id(name: &Option<impl ToString>, id: &Option<String>) -> Option<String> {
    name.as_ref().map(ToString::to_string).or_else(|| id.clone())
}
