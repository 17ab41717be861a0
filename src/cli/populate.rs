//! `populate`: generates users, profiles and rights for trials and load tests.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use protocol::{Description, Password, ProfileName, RightCode, UserName};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::config_args::ConfigArgs;
use super::offline_store;
use crate::gateway::Started;
use crate::realm::{ATTRIBUTES, Actor, Command, NewUser, ProfileSpec, RecordRef, RightSpec};

/// Fill a store with generated test users, profiles and rights, while its gateway is stopped.
///
/// The users are called u0, u1, … and share one password. Each has 1 to 3 of the generated
/// profiles, which are named after trading desks, such as EQUITY_TRADER_0.
#[derive(Args)]
pub(super) struct PopulateArgs {
    /// Number of users
    #[arg(long)]
    users: u32,
    /// Number of profiles
    #[arg(long, default_value_t = 20)]
    profiles: u32,
    /// Seed of the generator; the same seed gives the same data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prefix of the user names
    #[arg(long, default_value = "u")]
    prefix: String,
    /// Password of all users
    #[arg(long, default_value = "Password-1")]
    password: String,
    /// Directory of the stopped gateway's store; created if missing
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Maximum number of users in one command.
const BATCH: u32 = 500;
/// Maximum number of commands that are submitted concurrently, so that they share commits.
const COMMANDS_AT_ONCE_MAX: usize = 8;

const FIRST: &[&str] = &[
    "Jane", "John", "Aiko", "Amara", "Bruno", "Chen", "Elena", "Fatima", "Greta", "Hugo", "Ines",
    "Jamal", "Katya", "Liam", "Mei", "Nadia", "Omar", "Priya", "Rosa", "Sven", "Tariq", "Uma",
];
const LAST: &[&str] = &[
    "Wolf", "Smith", "Doe", "Tanaka", "Okafor", "Silva", "Wang", "Petrova", "Khan", "Larsen",
    "Martin", "Garcia", "Novak", "Murphy", "Li", "Haddad", "Rossi", "Svensson", "Aziz", "Patel",
];
const DESKS: &[&str] =
    &["EQUITY", "RATES", "CREDIT", "FX", "COMMODITY", "DERIVATIVE", "SUPPORT", "RISK"];
const ROLES: &[&str] = &["TRADER", "SALES", "VIEWER", "MANAGER", "OPERATIONS"];
const OBJECTS: &[&str] =
    &["ORDER", "TRADE", "POSITION", "QUOTE", "COUNTERPARTY", "INSTRUMENT", "LIMIT"];
const ACTIONS: &[&str] = &["VIEW", "INSERT", "AMEND", "CANCEL", "APPROVE"];
const CITIES: &[&str] = &["London", "New York", "Tokyo", "Frankfurt", "Singapore", "Zurich"];

impl PopulateArgs {
    pub(super) fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        let hash: Arc<str> =
            offline_store::hash_password(&settings, &Password::new(&*self.password))?.into();
        offline_store::with_store(&settings, &self.data_dir, async |started| {
            let mut random = StdRng::seed_from_u64(self.seed);
            let profiles = self.profiles(started, &mut random).await?;
            self.users(started, &mut random, &profiles, &hash).await
        })?;
        println!(
            "added {} users ({}0 to {}{}) in {} profiles, password {}",
            self.users,
            self.prefix,
            self.prefix,
            self.users.saturating_sub(1),
            self.profiles,
            self.password
        );
        Ok(())
    }

    async fn profiles(&self, started: &Started, random: &mut StdRng) -> Result<Vec<ProfileName>> {
        let codes = OBJECTS
            .iter()
            .flat_map(|object| ACTIONS.iter().map(move |it| format!("{object}_{it}")));
        let codes = codes.map(|code| RightCode::parse(&code)).collect::<Result<Vec<_>, _>>()?;
        for code in &codes {
            let exists =
                started.replica.read(|realm, _| realm.right_by_code(code.as_str()).is_some());
            if !exists {
                let description = code.as_str().replace('_', " ").to_lowercase();
                let description = Description::parse(&description)?;
                let spec = RightSpec { id: None, code: code.clone(), description, guarded: false };
                offline_store::submit(started, Command::InsertRight(Actor::Operator, spec)).await?;
            }
        }
        let mut names = Vec::new();
        for number in 0..self.profiles as usize {
            let (desk, role) =
                (DESKS[number % DESKS.len()], ROLES[number / DESKS.len() % ROLES.len()]);
            let name = ProfileName::parse(&format!("{desk}_{role}_{number}"))?;
            let count = random.random_range(5..=20);
            let rights = codes
                .sample(random, count)
                .map(|code| RecordRef { id: None, name: Some(code.clone()) });
            let spec = ProfileSpec {
                name: Some(name.clone()),
                description: Some(Description::parse(&format!("{desk} {role}").to_lowercase())?),
                rights: Some(rights.collect()),
                ..ProfileSpec::default()
            };
            offline_store::submit(started, Command::InsertProfile(Actor::Operator, spec)).await?;
            names.push(name);
        }
        Ok(names)
    }

    async fn users(
        &self,
        started: &Started,
        random: &mut StdRng,
        profiles: &[ProfileName],
        hash: &Arc<str>,
    ) -> Result<()> {
        let bar = offline_store::progress_bar(self.users.into())?;
        let mut next = 0;
        while next < self.users {
            let mut commands = Vec::new();
            while commands.len() < COMMANDS_AT_ONCE_MAX && next < self.users {
                let end = (next + BATCH).min(self.users);
                let batch = (next..end).map(|number| self.user(number, random, profiles, hash));
                let batch = batch.collect::<Result<Vec<_>>>()?;
                commands.push(offline_store::submit(started, Command::AddUsers(batch)));
                next = end;
            }
            futures_util::future::try_join_all(commands).await?;
            bar.set_position(next.into());
        }
        bar.finish();
        Ok(())
    }

    fn user(
        &self,
        number: u32,
        random: &mut StdRng,
        profiles: &[ProfileName],
        hash: &Arc<str>,
    ) -> Result<NewUser> {
        let name = UserName::parse(&format!("{}{number}", self.prefix));
        let name =
            name.with_context(|| format!("--prefix {:?} gives no valid user names", self.prefix))?;
        let mut pick = |from: &[&'static str]| from.choose(random).copied().unwrap_or_default();
        let (first, last, city) = (pick(FIRST), pick(LAST), pick(CITIES));
        let email =
            format!("{}.{}.{number}@desk.example", first.to_lowercase(), last.to_lowercase());
        let set = [
            ("FIRST_NAME", first),
            ("LAST_NAME", last),
            ("EMAIL_ADDRESS", &email),
            ("USER_TYPE", "USER"),
            ("CITY", city),
        ];
        let attributes = set.iter().filter_map(|(attribute, value)| {
            let number = ATTRIBUTES.iter().position(|it| it == attribute)?;
            Some((u8::try_from(number).ok()?, (*value).into()))
        });
        let attributes = attributes.collect();
        let count = random.random_range(1..=3);
        let profiles = profiles.sample(random, count).cloned().collect();
        Ok(NewUser { credential: Some(hash.clone()), attributes, profiles, ..NewUser::named(name) })
    }
}
