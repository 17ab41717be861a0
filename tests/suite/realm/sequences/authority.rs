//! Random commands of random users never exceed the authority of their senders.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use rand::RngExt;
use tollgate::realm::{
    ADMINISTRATION, ActiveCode, Actor, Attempts, Change, Command, ConfiguredName, CreateSecret,
    EnrolmentActor, EntryId, GuardedRights, Mfa, Outcome, Policy, ProfileNo, Realm, RightAmendment,
    RightNo, Row, SecondFactor, Session, SessionId, SessionNo, SetPolicy, SpendOneTime, User,
    UserNo, UserStatus, attempts_ref,
};

use super::commands::{Commands, PROFILES, USERS};
use crate::harness::realm::{
    MINUTE, code, found, hash, login_command, new_user, profile, profile_wanted, right_wanted, user,
};

/// The profile that demands a second factor, and the profile that a directory maps to a group.
const NAMED: [&str; 2] = ["TRADER", "Operations"];
const BUSINESS: [&str; 4] = ["ORDEN", "TRADE", "VIEW", "HELP"];
const SEQUENCES: u64 = 1_400;
const LENGTH: u128 = 200;

/// What a session must not change of a user who is out of its reach.
#[derive(Debug, Clone, PartialEq)]
struct Protected {
    credential: Option<(Option<String>, u64)>,
    status: Option<UserStatus>,
    address: Option<String>,
    factor: Option<SecondFactor>,
    is_demanded: bool,
    attempts: Option<Attempts>,
    sessions: BTreeSet<SessionNo>,
    codes: BTreeSet<u64>,
}

impl Protected {
    fn of(realm: &Realm, no: UserNo) -> Self {
        let user = realm.user(no);
        let name = |user: &User| attempts_ref(&user.name);
        Self {
            credential: user
                .map(|it| (it.credential.as_deref().map(str::to_owned), it.credential_at)),
            status: user.map(|it| it.status),
            address: user.and_then(|it| it.mail_address().map(str::to_owned)),
            factor: realm.second_factor(no).cloned(),
            is_demanded: is_demanded(realm, no),
            attempts: user.and_then(|it| realm.attempts_at(name(it))).map(|it| it.1.clone()),
            sessions: realm.sessions_of(no).map(|it| it.no).collect(),
            codes: realm.active_codes_of(no).collect(),
        }
    }
}

fn is_demanded(realm: &Realm, user: UserNo) -> bool {
    realm.profiles_of(user).any(|no| realm.profile(no).unwrap().name.as_str() == NAMED[0])
}

/// Rights of all users before a command, computed from single grants.
struct Snapshot {
    held: BTreeMap<UserNo, BTreeSet<RightNo>>,
    potential: BTreeMap<UserNo, BTreeSet<RightNo>>,
    protected: BTreeMap<UserNo, Protected>,
    named: Vec<Option<ProfileNo>>,
    guarded: BTreeSet<RightNo>,
    administration: BTreeSet<RightNo>,
    has_administrator: bool,
}

impl Snapshot {
    fn of(realm: &Realm) -> Self {
        let users: Vec<UserNo> = realm.users_after(None).map(|it| it.no).collect();
        let potential = |user: &UserNo| {
            let granted = realm.profiles_of(*user).flat_map(|no| realm.grants_of(no));
            realm.direct_of(*user).chain(granted).collect()
        };
        let held = |user: &UserNo| realm.effective(*user);
        let administration = ADMINISTRATION.iter().map(|(it, _)| realm.right_by_code(it));
        Self {
            held: users.iter().map(|it| (*it, held(it))).collect(),
            potential: users.iter().map(|it| (*it, potential(it))).collect(),
            protected: users.iter().map(|it| (*it, Protected::of(realm, *it))).collect(),
            named: NAMED.iter().map(|it| Some(realm.profile_by_name(&profile(it))?.no)).collect(),
            guarded: realm
                .rights_after(None)
                .map(|it| it.no)
                .filter(|it| guarded(realm, *it))
                .collect(),
            administration: administration.map(|it| it.expect("a right is missing").no).collect(),
            has_administrator: realm.has_administrator(),
        }
    }

    fn is_complete(&self, user: UserNo) -> bool {
        self.held[&user].is_superset(&self.administration)
    }

    /// Asserts what holds between this snapshot and the realm after a command of `actor`.
    fn check(&self, actor: UserNo, after: &Realm, command: &Command) {
        let later = Self::of(after);
        assert!(
            later.has_administrator || !self.has_administrator,
            "the last administrator is lost"
        );
        assert_eq!(self.named, later.named, "a name of the configuration moved");
        let held = &self.held[&actor];
        let complete = self.is_complete(actor);
        for (user, potential) in &self.potential {
            let none = BTreeSet::new();
            let [now, held_now] =
                [&later.potential, &later.held].map(|it| it.get(user).unwrap_or(&none));
            let gained = now.difference(potential).chain(held_now.difference(&self.held[user]));
            let gained: BTreeSet<_> =
                gained.filter(|it| self.guarded.contains(it)).copied().collect();
            assert!(complete || gained.is_subset(held), "{user:?} gained {gained:?}");
            let guarded: BTreeSet<_> = potential.intersection(&self.guarded).copied().collect();
            let lost: BTreeSet<_> = guarded.difference(now).copied().collect();
            let own_end = *user == actor;
            assert!(complete || own_end || lost.is_subset(held), "{user:?} lost {lost:?}");
            if !complete && *user != actor && !guarded.is_subset(held) {
                let now = Protected::of(after, *user);
                assert_eq!(self.protected[user], now, "{user:?} was touched");
            }
        }
        for (user, potential) in
            later.potential.iter().filter(|it| !self.potential.contains_key(it.0))
        {
            let potential: BTreeSet<_> = potential.intersection(&self.guarded).collect();
            assert!(
                complete || potential.iter().all(|it| held.contains(it)),
                "the new user {user:?} has {potential:?}"
            );
        }
        self.check_own(actor, after, command);
    }

    /// Asserts that the actor relaxed nothing that holds for the actor's own user.
    fn check_own(&self, actor: UserNo, after: &Realm, command: &Command) {
        if after.user(actor).is_none() || matches!(command, Command::ChangePassword(_)) {
            return;
        }
        let (before, now) = (&self.protected[&actor], Protected::of(after, actor));
        let ended = (before.status, now.status);
        let ends = (Some(UserStatus::PasswordExpired), Some(UserStatus::Enabled));
        assert_ne!(ended, ends, "a user ended the own password change");
        assert!(now.is_demanded || !before.is_demanded, "a user left the demanding profile");
        let enabled = |it: &Protected| it.factor.as_ref().is_some_and(|it| it.enabled);
        assert!(!before.is_demanded || enabled(&now) || !enabled(before), "own factor disabled");
        assert!(before.attempts == now.attempts, "a user changed the own attempts");
    }
}

/// Whether a right counts, according to the policy.
fn guarded(realm: &Realm, right: RightNo) -> bool {
    let Some(right) = realm.right(right) else { return true };
    let is_administration = ADMINISTRATION.iter().any(|(it, _)| *it == right.code.as_str());
    match &realm.policy().guarded_rights {
        GuardedRights::All => true,
        GuardedRights::Administration(codes) => {
            let listed = codes.iter().any(|it| **it == *right.code.as_str());
            is_administration || right.guarded || listed
        }
    }
}

/// A realm with users of different power, all with a session, a second factor, an active code and
/// wrong passwords.
struct Crowd {
    realm: Realm,
    commands: Commands,
    template: Session,
    entries: u128,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let mut commands = Commands::new(seed);
        let mut crowd = vec![Command::SetPolicy(SetPolicy::default()), found()];
        crowd.extend(BUSINESS.map(|it| Command::InsertRight(Actor::Operator, right_wanted(it))));
        for (name, percent) in PROFILES[1..].iter().zip([0, 5, 30, 60]) {
            let rights = random_rights(&mut commands, percent);
            let wanted = profile_wanted(name, &rights, &[]);
            crowd.push(Command::InsertProfile(Actor::Operator, wanted));
        }
        let users = USERS[1..].iter().zip([0, 5, 40, 80, 97]).map(|(name, percent)| {
            let mut new = new_user(name, &[]);
            new.profiles = PROFILES[1..].iter().map(|it| profile(it)).collect();
            new.profiles.retain(|_| commands.chance(percent / 3));
            new.rights = random_rights(&mut commands, percent).iter().map(|it| code(it)).collect();
            new
        });
        crowd.push(Command::AddUsers(users.collect()));
        let mut it = Self { realm: Realm::default(), commands, template: template(), entries: 0 };
        crowd.into_iter().for_each(|command| drop(it.apply(command)));
        it.equip(seed);
        it
    }

    fn apply(&mut self, command: Command) -> Outcome {
        self.entries += 1;
        let at = self.realm.time().max(1_800_000_000_000) + 1_000;
        let applied = self.realm.plan_entry(EntryId(self.entries), at, &command, None);
        self.realm.apply_changes(&applied.changes);
        applied.outcome
    }

    /// Puts a policy with a demanded factor into force, and gives every user a factor, an active
    /// code and wrong passwords.
    fn equip(&mut self, seed: u64) {
        let guards = [
            GuardedRights::All,
            GuardedRights::All,
            GuardedRights::Administration(Vec::new()),
            GuardedRights::Administration(vec!["TRADE".into()]),
        ];
        let mfa = Mfa {
            totp: true,
            totp_for: vec![NAMED[0].into()],
            confirm_ms: MINUTE,
            ..Mfa::default()
        };
        let guarded_rights = guards[(seed % 4) as usize].clone();
        let (one_time_ms, directory_logins) = (20 * MINUTE, true);
        let policy =
            Policy { mfa, guarded_rights, directory_logins, one_time_ms, ..Policy::default() };
        let names = NAMED.map(|it| (ConfiguredName::Profile(profile(it)), "key".into())).to_vec();
        self.apply(Command::SetPolicy(SetPolicy { policy, names }));
        let users: Vec<_> = self.realm.users_after(None).cloned().collect();
        for user in users {
            let number = u64::from(user.no.0 % 1_000);
            let confirmed = Some(format!("secret-{number}").into());
            let factor = SecondFactor { confirmed, enabled: true, ..SecondFactor::default() };
            let code = ActiveCode {
                no: 100 + number,
                user: user.no,
                hash: hash(700_000 + number),
                issued: 1,
                until: u64::MAX,
                epoch: user.proof_epoch,
            };
            let attempts = Attempts { failed: 2, at: 1, ..Attempts::default() };
            let rows = [
                Row::SecondFactor(user.no, factor),
                Row::ActiveCode(code),
                Row::Attempts(user.name.clone(), attempts),
            ];
            self.realm.apply_changes(&rows.map(Change::Put));
        }
    }

    /// Returns the session of a random user. Opens one if the user has none.
    fn session(&mut self) -> (UserNo, SessionNo) {
        let users: Vec<UserNo> = self.realm.users_after(None).map(|it| it.no).collect();
        let user = self.commands.pick(&users);
        if let Some(own) = self.realm.sessions_of(user).next() {
            return (user, own.no);
        }
        self.entries += 1;
        let number = 1_000_000 + self.entries as u64;
        let session = Session {
            no: SessionNo(number),
            id: SessionId(uuid::Uuid::from_u128(self.entries)),
            user,
            token: hash(2 * number),
            refresh: hash(2 * number + 1),
            factor_verified: true,
            accessed: self.realm.time(),
            opened: self.realm.time(),
            factor_proved_at: self.realm.time(),
            refresh_until: u64::MAX,
            ..self.template.clone()
        };
        self.realm.apply_changes(&[Change::Put(Row::Session(session))]);
        (user, SessionNo(number))
    }

    fn command(&mut self, session: SessionNo) -> Command {
        let (realm, it) = (&self.realm, &mut self.commands);
        // Sometimes a session that does not exist.
        let actor = Actor::Session(if it.chance(2) { SessionNo(0) } else { session });
        let name = it.user_name();
        let codes: Vec<u64> = realm.active_codes_after(None).collect();
        match it.rng.random_range(0..46) {
            0 => Command::AmendRight(
                actor,
                RightAmendment { code: it.code(), description: None, guarded: Some(it.chance(70)) },
            ),
            1 => Command::EndSessionsOf(actor, name),
            2 => Command::EndOtherSession(actor, it.session(realm)),
            3 => Command::RevokeCodesOf(actor, name),
            4 => Command::RevokeCode(actor, if codes.is_empty() { 1 } else { it.pick(&codes) }),
            5 => Command::SetSecondFactor(actor, name, it.chance(50)),
            6 => Command::CreateSecret(CreateSecret {
                actor: EnrolmentActor::Actor(actor),
                user_name: Some(name),
                encrypted: "encrypted-1".into(),
            }),
            7 => it.confirmation(actor, Some(name)),
            8..10 => it.change(realm, Some(actor)),
            10 => Command::SetAttempts(actor, name, it.pick(&[0, 1, 3])),
            11 => Command::ExpirePassword(actor, name),
            12 => it.lifetimes(actor),
            13 => it.confirmation(actor, Some(name)),
            14 => Command::SpendOneTime(SpendOneTime {
                token: hash(900_000 + it.rng.random_range(0..60)),
                actor: Some(actor),
            }),
            15 => it.renaming(realm, actor),
            16 => it.status_change(actor, name),
            17 => Command::DeleteRight(actor, it.code()),
            18..23 => Command::CreateOneTime(actor, hash(900_000 + it.rng.random_range(0..60))),
            23 => Command::InsertProfile(actor, it.new_profile(realm)),
            _ => it.administration(realm, actor),
        }
    }
}

fn random_rights(commands: &mut Commands, percent: u32) -> Vec<&'static str> {
    let all = ADMINISTRATION.iter().map(|(code, _)| *code).chain(BUSINESS);
    all.filter(|_| commands.chance(percent)).collect()
}

/// Returns a session from which the sessions of the users are copied.
fn template() -> Session {
    let mut script = crate::harness::realm::Script::new(|_| {});
    let login = login_command(&script.realm, "ADMIN", 1);
    script.apply(login);
    script.realm.sessions_after(None).next().unwrap().clone()
}

/// The kind of a command, by which accepted and refused commands are counted.
fn kind(command: &Command) -> String {
    let name = serde_json::to_value(command).unwrap();
    let name = name.as_object().and_then(|it| it.keys().next().cloned()).unwrap_or_default();
    match command {
        Command::AmendProfile(_, spec) if spec.id.is_some() && spec.name.is_some() => {
            format!("{name} (name)")
        }
        Command::AmendProfile(_, spec) if spec.status.is_some() => format!("{name} (status)"),
        Command::AmendUser(_, event, spec) => match spec.status {
            Some(status) if *event == tollgate::realm::Amendment::Record => {
                format!("{name} ({})", status.word())
            }
            _ => format!("{name} ({event:?})"),
        },
        _ => name,
    }
}

#[test]
fn users_change_nothing_out_of_reach() {
    let counts: Mutex<BTreeMap<String, [u32; 2]>> = Mutex::default();
    super::properties::on_two_threads(SEQUENCES, |seed| {
        let _seed = super::properties::Seed("users_change_nothing_out_of_reach", seed);
        let mut crowd = Crowd::new(seed);
        for _ in 0..LENGTH {
            if crowd.commands.chance(3) {
                let login = crowd.commands.directory_login();
                let before = crowd.realm.has_administrator();
                crowd.apply(login);
                assert!(crowd.realm.has_administrator() || !before, "a directory removed the last");
            }
            let (actor, session) = crowd.session();
            let command = crowd.command(session);
            let before = Snapshot::of(&crowd.realm);
            let outcome = crowd.apply(command.clone());
            before.check(actor, &crowd.realm, &command);
            let refused = usize::from(matches!(outcome, Outcome::Refused(_)));
            counts.lock().unwrap().entry(kind(&command)).or_default()[refused] += 1;
        }
    });
    let counts = counts.into_inner().unwrap();
    println!("accepted and refused by kind: {counts:#?}");
    assert!(counts.len() >= 30, "{} kinds", counts.len());
    let rare: Vec<_> = counts.iter().filter(|(_, [a, b])| *a < 100 || *b < 100).collect();
    assert!(rare.is_empty(), "too rare: {rare:?}");
}

/// Directory logins give users the profiles of their groups. Users without all administration
/// rights gain nothing by them beyond what these profiles granted before.
#[test]
fn users_gain_no_right_through_groups_of_a_directory() {
    super::properties::on_two_threads(400, |seed| {
        let _seed = super::properties::Seed("users_gain_no_right_through_groups", seed);
        let mut crowd = Crowd::new(seed);
        let realm = &crowd.realm;
        let admin = realm.user_by_name(&user("ADMIN")).unwrap().no;
        let is_complete = |no: UserNo| Snapshot::of(realm).is_complete(no);
        let complete: BTreeSet<UserNo> = realm
            .users_after(None)
            .map(|it| it.no)
            .filter(|no| *no == admin || is_complete(*no))
            .collect();
        let counts = Snapshot::of(realm).guarded;
        let held = |realm: &Realm| -> BTreeSet<RightNo> {
            let users = realm.users_after(None).map(|it| it.no);
            let crowd = users.filter(|no| !complete.contains(no));
            crowd.flat_map(|no| realm.potential(no)).filter(|it| counts.contains(it)).collect()
        };
        let mapped = NAMED.iter().filter_map(|it| realm.profile_by_name(&profile(it)));
        let mapped = mapped.flat_map(|it| realm.grants_of(it.no));
        let mut allowed: BTreeSet<RightNo> = mapped.collect();
        allowed.extend(held(realm));
        for _ in 0..60 {
            let (actor, session) = crowd.session();
            if !complete.contains(&actor) {
                let command = crowd.command(session);
                crowd.apply(command);
            }
            let login = crowd.commands.directory_login();
            crowd.apply(login);
            let now = held(&crowd.realm);
            assert!(now.is_subset(&allowed), "{:?}", now.difference(&allowed));
        }
    });
}
