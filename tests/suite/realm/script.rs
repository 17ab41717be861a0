//! A realm, its clock, and commands in the order in which they are written down.

use tollgate::realm::command::commands::Command;
use tollgate::realm::command::commands::{
    ChangePassword, End, Fingerprint, Peer, Refresh, Verdict,
};
use tollgate::realm::command::login_payloads::{Given, Second};
use tollgate::realm::model::ids::SessionNo;
use tollgate::realm::model::policy::Policy;
use tollgate::realm::outcome::{Applied, EndReason, Outcome, Refusal};
use tollgate::realm::rules::sessions::Session;
use tollgate::realm::state::{EntryId, Realm};

use super::commands::{found, new_user, pair, user};

/// A realm, its clock, and commands in the order in which they are written down.
pub struct Script {
    pub realm: Realm,
    pub at: u64,
    pub next: u64,
}

impl Script {
    /// ADMIN, Ada and Bob exist; the policy is the default one but for what `change` does.
    pub fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy { grace_ms: 10_000, attempts_max: 3, ..Policy::default() };
        change(&mut policy);
        let mut script = Self { realm: Realm::default(), at: 1_000_000, next: 1 };
        script.apply(Command::SetPolicy(policy));
        script.apply(found());
        script.apply(Command::AddUsers(vec![new_user("Ada", &[]), new_user("Bob", &[])]));
        script
    }

    pub fn apply(&mut self, command: Command) -> Applied {
        self.next += 1;
        let applied = self.realm.step(EntryId(self.next.into()), self.at, &command, None);
        self.realm.absorb(&applied.changes);
        applied
    }

    pub fn outcome(&mut self, command: Command) -> Outcome {
        self.apply(command).outcome
    }

    pub fn wait(&mut self, ms: u64) {
        self.at += ms;
    }

    /// Logs in; the session's tokens are those of `pair`.
    pub fn login(&mut self, name: &str, pair: u64) -> Outcome {
        let command = super::login(&self.realm, name, pair);
        self.outcome(command)
    }

    pub fn session(&mut self, name: &str, pair: u64) -> SessionNo {
        match self.login(name, pair) {
            Outcome::LoggedIn(session) => session,
            other => panic!("{other:?}"),
        }
    }

    pub fn wrong(&mut self, name: &str) -> Outcome {
        let Command::Login(mut login) = super::login(&self.realm, name, 0) else { unreachable!() };
        login.verdict = Verdict::Wrong;
        self.outcome(Command::Login(login))
    }

    /// Presents the refresh token of pair `old`; pair `new` is what it would get.
    pub fn refresh(&mut self, old: u64, new: u64) -> Applied {
        self.refresh_with(old, new, None)
    }

    /// The same with a second factor.
    pub fn refresh_with(&mut self, old: u64, new: u64, given: Option<Given>) -> Applied {
        let half = Some(pair(new + 1_000_000).refresh);
        self.apply(Command::Refresh(Refresh {
            presented: pair(old).refresh,
            user_name: None,
            pair: pair(new),
            sealed: new.to_be_bytes().to_vec(),
            host: String::new(),
            watched: false,
            peer: Peer::default(),
            second: Second { given, half, active: None },
        }))
    }

    pub fn end(&mut self, session: SessionNo, reason: EndReason) -> Outcome {
        self.outcome(Command::End(End { session, reason, unless_after: None }))
    }

    pub fn sleep(&mut self, session: SessionNo) {
        assert_eq!(self.end(session, EndReason::HeartbeatMissed), Outcome::EndedSessions(1));
    }

    pub fn change(&mut self, name: &str, verdict: Verdict, keep: Option<SessionNo>) -> Applied {
        let user = self.realm.user_by_name(&user(name)).unwrap();
        self.apply(Command::ChangePassword(ChangePassword {
            user_name: user.name.clone(),
            verdict,
            checked: user.credential.as_deref().map(Fingerprint::of),
            credential: Some("$changed".into()),
            by: None,
            keep,
            peer: Peer::default(),
        }))
    }

    /// Whether the session token of a pair speaks for a session.
    pub fn speaks(&self, number: u64) -> bool {
        self.realm.session_by_token(self.at, &pair(number).token).is_some()
    }

    pub fn live(&self, name: &str) -> usize {
        let user = self.realm.user_by_name(&user(name)).unwrap();
        let live = |it: &&Session| it.is_live(self.at, self.realm.policy());
        self.realm.sessions_of(user.no).filter(live).count()
    }
}

pub fn incorrect() -> Outcome {
    Outcome::Refused(Refusal::IncorrectCredentials)
}
pub fn locked(until: u64) -> Outcome {
    Outcome::Refused(Refusal::Locked { until: Some(until) })
}
pub fn expired() -> Outcome {
    Outcome::Refused(Refusal::RefreshExpired)
}
