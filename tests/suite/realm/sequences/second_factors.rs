//! Random commands about second factors, and the properties that hold after each command.

use std::sync::Arc;

use protocol::UserName;
use rand::RngExt;
use tollgate::realm::{
    Actor, Applied, Command, ConfirmSecret, CreateSecret, EnrolmentActor, Fingerprint, FinishLogin,
    Links, MailSecret, MailSent, Mfa, Outcome, PresentedFactor, Realm, RequestReset,
    RequiredFactor, ResetByToken, SecondFactorInput, SyncDirectoryUser, TokenHash,
};

use super::commands::Commands;
use crate::harness::realm::{MINUTE, code_hash, profile};

impl Commands {
    pub(super) fn mfa(&mut self) -> Mfa {
        let names = |some: &[&str]| some.iter().map(|it| (*it).into()).collect::<Vec<Box<str>>>();
        let lists = [names(&[]), names(&["*"]), names(&["TRADER"])];
        Mfa {
            totp: self.chance(40),
            totp_for: lists[self.rng.random_range(0..3)].clone(),
            link: self
                .chance(20)
                .then_some(Links { temporary_ms: 15 * MINUTE, active_ms: 60 * MINUTE }),
            link_for: lists[self.rng.random_range(0..3)].clone(),
            codes_max: 3,
            confirm_ms: 5 * MINUTE,
        }
    }

    fn any_code(&mut self) -> TokenHash {
        code_hash(self.rng.random_range(0..20))
    }

    fn encrypted(&mut self) -> Arc<str> {
        self.pick(&["encrypted-1", "encrypted-2"]).into()
    }

    pub(super) fn second_factor(&mut self, realm: &Realm) -> SecondFactorInput {
        let known: Vec<_> =
            realm.second_factors().filter_map(|(_, it)| it.confirmed.clone()).collect();
        let checked = if known.is_empty() || self.chance(10) {
            None
        } else {
            Some(Fingerprint::new(&known[self.rng.random_range(0..known.len())]))
        };
        let at_secs = self.chance(70).then(|| realm.time() / 30_000 * 30);
        let reencrypted = self.chance(10).then(|| self.encrypted());
        let presented = match self.rng.random_range(0..4) {
            0 => None,
            1 => Some(PresentedFactor::Code(self.any_code())),
            _ => Some(PresentedFactor::Totp { checked, at_secs, reencrypted }),
        };
        let pending_login = self.chance(80).then(|| self.any_code());
        let earlier = self.chance(10).then(|| self.any_code());
        SecondFactorInput { presented, pending_login, active_code: Some(self.any_code()), earlier }
    }

    fn enrolment_actor(&mut self, realm: &Realm) -> EnrolmentActor {
        if self.chance(40) {
            EnrolmentActor::PendingLogin(self.any_code())
        } else {
            EnrolmentActor::Actor(self.actor(realm))
        }
    }

    pub(super) fn second_factor_command(&mut self, realm: &Realm) -> Command {
        match self.rng.random_range(0..12) {
            0 => Command::CreateSecret(CreateSecret {
                actor: self.enrolment_actor(realm),
                user_name: self.chance(70).then(|| self.user_name()),
                encrypted: self.encrypted(),
            }),
            1 => {
                let encrypted = self.encrypted();
                Command::ConfirmSecret(ConfirmSecret {
                    actor: self.enrolment_actor(realm),
                    user_name: self.chance(70).then(|| self.user_name()),
                    checked: Some(Fingerprint::new(&encrypted)),
                    at_secs: self.chance(80).then(|| realm.time() / 30_000 * 30),
                    recovery: (0..10).map(code_hash).collect(),
                })
            }
            2 => Command::SetSecondFactor(self.actor(realm), self.user_name(), self.chance(50)),
            3 => Command::RevokeCode(self.actor(realm), self.rng.random_range(0..6)),
            4..9 => self.mail_command(),
            9 => self.directory_login(),
            _ => Command::FinishLogin(FinishLogin {
                token: self.any_code(),
                user_name: self.chance(20).then(|| self.user_name()),
                token_hashes: self.pair(),
                host: "203.0.113.7".to_owned(),
                client: self.client(),
                monitored: false,
                second_factor: self.second_factor(realm),
            }),
        }
    }

    /// Generates the synchronization of a user whose login a directory confirmed.
    pub(super) fn directory_login(&mut self) -> Command {
        Command::SyncDirectoryUser(SyncDirectoryUser {
            user_name: self.user_name(),
            local: self.chance(20),
            create: self.chance(50),
            update: self.chance(50),
            attributes: vec![(0, Some("Jane".into())), (2, None)],
            profiles: vec![profile("TRADER")],
            rights: Vec::new(),
            sync: self.chance(50).then(|| vec![profile("TRADER"), profile("Operations")]),
        })
    }

    /// Generates the confirmation of the secret `encrypted-1` of a user.
    pub(super) fn confirmation(&mut self, actor: Actor, user_name: Option<UserName>) -> Command {
        Command::ConfirmSecret(ConfirmSecret {
            actor: EnrolmentActor::Actor(actor),
            user_name,
            checked: Some(Fingerprint::new("encrypted-1")),
            at_secs: self.chance(80).then_some(1_800_000_000),
            recovery: (0..10).map(code_hash).collect(),
        })
    }

    fn mail_command(&mut self) -> Command {
        let mail = self.rng.random_range(0..6);
        match self.rng.random_range(0..5) {
            0 => Command::RequestReset(RequestReset { user_name: self.user_name(), url: None }),
            1 => Command::ResetByToken(ResetByToken {
                user_name: self.user_name(),
                token: self.any_code(),
                credential: self.credential(),
                keep_sessions: self.chance(50),
            }),
            2 => Command::IssueMailSecret(mail, MailSecret::Password(self.credential())),
            3 => Command::IssueMailSecret(mail, MailSecret::Token(self.any_code())),
            _ => {
                let outcome = self.pick(&[MailSent::Sent, MailSent::Failed, MailSent::Dropped]);
                Command::MailSent(mail, outcome)
            }
        }
    }
}

/// The state of the second factor before a command that may open or refresh a session.
pub struct FactorCheck {
    required: Option<RequiredFactor>,
    /// The start of the period of the newest accepted code, in seconds since the epoch.
    used_secs: u64,
    /// Whether the second factor was proved before the command.
    verified: bool,
    presented: Option<PresentedFactor>,
}

impl FactorCheck {
    pub fn of(realm: &Realm, command: &Command) -> Option<Self> {
        let (user, presented, verified) = match command {
            Command::Login(it) => {
                (realm.user_by_name(&it.user_name), &it.second_factor.presented, false)
            }
            Command::FinishLogin(it) => {
                let verified = realm
                    .pending_login(0, &it.token)
                    .is_some_and(|pending| pending.factor_verified);
                (realm.user_by_pending_login(&it.token), &it.second_factor.presented, verified)
            }
            Command::Refresh(it) => {
                let mut all = realm.sessions_after(None);
                let own = all.find(|session| session.refresh == it.presented);
                let verified = own.is_some_and(|it| it.factor_verified);
                (realm.user_by_refresh(&it.presented), &it.second_factor.presented, verified)
            }
            _ => return None,
        };
        let user = user?;
        Some(Self {
            required: realm.required_factor(user),
            used_secs: realm.second_factor(user.no).map_or(0, |it| it.used_secs),
            verified,
            presented: presented.clone(),
        })
    }

    /// Asserts that the command opened or refreshed no session without the required factor, and
    /// accepted no TOTP code twice.
    pub fn check(&self, applied: &Applied, after: &Realm) {
        let (Outcome::LoggedIn(no) | Outcome::LoggedInWithActiveCode(no) | Outcome::Refreshed(no)) =
            applied.outcome
        else {
            return;
        };
        let session = after.session(no).expect("the session was just opened or refreshed");
        assert!(
            self.required.is_none() || session.factor_verified,
            "a session was opened or refreshed without {:?}",
            self.required
        );
        if let (Some(RequiredFactor::Totp), Some(PresentedFactor::Totp { at_secs, .. }), false) =
            (self.required, &self.presented, self.verified)
        {
            assert!(at_secs.is_some_and(|at| at > self.used_secs), "a code was accepted twice");
        }
    }
}
