//! A realm with a manual clock, and short constructors of its values.

use protocol::{Description, ProfileName, RightCode, UserName};
use tollgate::realm::{
    ADMINISTRATION, Applied, Bootstrap, ChangePassword, Command, Edition, EndReason, EntryId,
    Fingerprint, Login, LoginClient, NewUser, Outcome, Policy, PresentedFactor, ProfileSpec, Realm,
    RecordRef, Refresh, Refusal, RightSpec, SecondFactorInput, Session, SessionEnd, SessionId,
    SessionNo, TokenHash, TokenHashes, Verdict,
};

/// A minute in milliseconds.
pub const MINUTE: u64 = 60_000;

/// A realm with a manual clock, to which a test applies commands.
pub struct Script {
    pub realm: Realm,
    /// The current time in milliseconds.
    pub at: u64,
    /// The number of the last entry; the next entry gets the number after it.
    pub next: u64,
}

impl Script {
    /// Creates a realm with the users ADMIN, Ada and Bob. `change` modifies the default policy.
    pub fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy { grace_ms: 10_000, attempts_max: 3, ..Policy::default() };
        change(&mut policy);
        let mut script = Self { realm: Realm::default(), at: 1_000_000, next: 1 };
        script.apply(Command::SetPolicy(policy.into()));
        script.apply(found());
        script.apply(Command::AddUsers(vec![new_user("Ada", &[]), new_user("Bob", &[])]));
        script
    }

    pub fn apply(&mut self, command: Command) -> Applied {
        self.next += 1;
        let applied = self.realm.plan_entry(EntryId(self.next.into()), self.at, &command, None);
        self.realm.apply_changes(&applied.changes);
        applied
    }

    pub fn outcome(&mut self, command: Command) -> Outcome {
        self.apply(command).outcome
    }

    pub fn wait(&mut self, ms: u64) {
        self.at += ms;
    }

    /// Logs in. The session gets token pair number `pair`.
    pub fn login(&mut self, name: &str, pair: u64) -> Outcome {
        let command = login_command(&self.realm, name, pair);
        self.outcome(command)
    }

    pub fn session(&mut self, name: &str, pair: u64) -> SessionNo {
        match self.login(name, pair) {
            Outcome::LoggedIn(session) => session,
            other => panic!("{other:?}"),
        }
    }

    /// Attempts a login with a wrong password.
    pub fn wrong(&mut self, name: &str) -> Outcome {
        let Command::Login(mut login) = login_command(&self.realm, name, 0) else { unreachable!() };
        login.verdict = Verdict::Wrong;
        self.outcome(Command::Login(login))
    }

    /// Presents the refresh token of pair `old`, to be replaced by pair `new`.
    pub fn refresh(&mut self, old: u64, new: u64) -> Applied {
        self.refresh_with(old, new, None)
    }

    /// Same as [`Self::refresh`], with a second factor.
    pub fn refresh_with(
        &mut self,
        old: u64,
        new: u64,
        presented: Option<PresentedFactor>,
    ) -> Applied {
        let pending_login = Some(pair(new + 1_000_000).refresh);
        self.apply(Command::Refresh(Refresh {
            presented: pair(old).refresh,
            user_name: None,
            token_hashes: pair(new),
            encrypted: new.to_be_bytes().to_vec(),
            host: String::new(),
            monitored: false,
            client: LoginClient::default(),
            second_factor: SecondFactorInput {
                presented,
                pending_login,
                ..SecondFactorInput::default()
            },
        }))
    }

    pub fn end(&mut self, session: SessionNo, reason: EndReason) -> Outcome {
        self.outcome(Command::End(SessionEnd { session, reason, unless_after: None }))
    }

    /// Makes a session dormant: it has ended for missed heartbeats, but a refresh token can resume
    /// it.
    pub fn sleep(&mut self, session: SessionNo) {
        assert_eq!(self.end(session, EndReason::HeartbeatMissed), Outcome::EndedSessions(1));
    }

    /// Attempts to change a password; `verdict` is the result of checking the old one. If the
    /// change succeeds, all sessions of the user except `keep` end.
    pub fn change(&mut self, name: &str, verdict: Verdict, keep: Option<SessionNo>) -> Applied {
        let user = self.realm.user_by_name(&user(name)).unwrap();
        self.apply(Command::ChangePassword(ChangePassword {
            user_name: user.name.clone(),
            verdict,
            checked: user.credential.as_deref().map(Fingerprint::new),
            credential: Some("$changed".into()),
            actor: None,
            keep,
            client: LoginClient::default(),
            presented: None,
            earlier_factor: None,
        }))
    }

    /// Whether the session token of pair `number` belongs to a live session.
    pub fn speaks(&self, number: u64) -> bool {
        self.realm.session_by_token(self.at, &pair(number).token).is_some()
    }

    /// Returns the number of live sessions of a user.
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

/// Returns a login command with the correct password. The session gets token pair `number`.
pub fn login_command(realm: &Realm, name: &str, number: u64) -> Command {
    let user_name = user(name);
    let credential = realm.user_by_name(&user_name).and_then(|user| user.credential.clone());
    Command::Login(Login {
        checked: credential.map(|it| Fingerprint::new(&it)),
        verdict: Verdict::Matched,
        user_name,
        token_hashes: pair(number),
        host: "203.0.113.7".to_owned(),
        monitored: false,
        client: Default::default(),
        rehash: None,
        session_kind: Default::default(),
        second_factor: Default::default(),
        authenticated_by: Default::default(),
    })
}

pub fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}
pub fn profile(name: &str) -> ProfileName {
    ProfileName::parse(name).unwrap()
}
pub fn code(code: &str) -> RightCode {
    RightCode::parse(code).unwrap()
}
pub fn hash(number: u64) -> TokenHash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    TokenHash(bytes)
}
/// Returns token pair `number`.
pub fn pair(number: u64) -> TokenHashes {
    TokenHashes {
        id: SessionId(uuid::Uuid::from_u128(number.into())),
        token: hash(2 * number),
        refresh: hash(2 * number + 1),
    }
}
/// Returns the hash of second-factor code `number`.
pub fn code_hash(number: u64) -> TokenHash {
    hash(950_000 + number)
}
pub fn named<N>(name: N) -> RecordRef<N> {
    RecordRef { id: None, name: Some(name) }
}
pub fn new_user(name: &str, profiles: &[&str]) -> NewUser {
    NewUser {
        credential: Some("$first".into()),
        attributes: [(0, "Jane".into()), (2, "jane@example.org".into())].into(),
        profiles: profiles.iter().map(|name| profile(name)).collect(),
        ..NewUser::named(user(name))
    }
}
/// Returns a bootstrap command.
pub fn found() -> Command {
    let right = |(code, description): &(&str, &str)| {
        (RightCode::parse(code).unwrap(), Description::parse(description).unwrap())
    };
    Command::Bootstrap(Bootstrap {
        rights: ADMINISTRATION.iter().map(right).collect(),
        profile: profile("USER_ADMIN"),
        administrator: Some(new_user("ADMIN", &[])),
        edition: Edition::CURRENT,
    })
}
pub fn right_wanted(text: &str) -> RightSpec {
    RightSpec { id: None, code: code(text), description: Description::default(), guarded: false }
}
pub fn profile_wanted(name: &str, rights: &[&str], users: &[&str]) -> ProfileSpec {
    ProfileSpec {
        name: Some(profile(name)),
        rights: Some(rights.iter().map(|it| named(code(it))).collect()),
        users: Some(users.iter().map(|it| named(user(it))).collect()),
        ..Default::default()
    }
}
